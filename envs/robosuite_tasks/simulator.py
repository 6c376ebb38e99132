"""Imports robosuite without its warnings, or says in one line what to install."""

from __future__ import annotations

import logging
import os

import mujoco

from dpbench.errors import MissingExtraError

INSTALL = "install it with: pip install 'dpbench[robosuite]'"

# robosuite warns at import about optional packages, and at every reset about controllers for limbs that do not exist.
logging.getLogger("robosuite_logs").addFilter(lambda record: record.levelno >= logging.ERROR)

_gl = os.environ.get("MUJOCO_GL")
try:
    import robosuite
    from robosuite.utils import control_utils, transform_utils
except ImportError as error:
    raise MissingExtraError(f"this task needs robosuite ({error}); {INSTALL}") from error

if tuple(map(int, mujoco.__version__.split(".")[:2])) >= (3, 10):
    raise MissingExtraError(f"robosuite {robosuite.__version__} fails with mujoco {mujoco.__version__}; {INSTALL}")
if _gl is None:
    # robosuite sets it, and `rendering.choose_gl` would take that for the user's choice.
    os.environ.pop("MUJOCO_GL", None)

__all__ = ["control_utils", "robosuite", "transform_utils"]
