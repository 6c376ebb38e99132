"""robosuite, imported quietly, or one line about what to install."""

from __future__ import annotations

import logging
import os

import mujoco

from dpbench.errors import MissingExtraError

INSTALL = "install it with: pip install 'dpbench[robosuite]'"

# robosuite warns at import of optional parts and at every reset of controllers for limbs that an arm does not have.
logging.getLogger("robosuite_logs").addFilter(lambda record: record.levelno >= logging.ERROR)

_gl = os.environ.get("MUJOCO_GL")
try:
    import robosuite
    from robosuite.utils import control_utils, transform_utils
except ImportError as error:
    raise MissingExtraError(f"this task needs robosuite ({error}); {INSTALL}") from error

if tuple(map(int, mujoco.__version__.split(".")[:2])) >= (3, 10):
    raise MissingExtraError(f"robosuite {robosuite.__version__} breaks with mujoco {mujoco.__version__}; {INSTALL}")
if _gl is None:
    os.environ.pop(
        "MUJOCO_GL", None
    )  # robosuite writes it, and `rendering.choose_gl` would take it for the user's choice

__all__ = ["control_utils", "robosuite", "transform_utils"]
