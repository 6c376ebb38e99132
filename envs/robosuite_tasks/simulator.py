"""robosuite, imported quietly, or one line about what to install."""

from __future__ import annotations

import logging

from dpbench.errors import MissingExtraError

INSTALL = "install it with: pip install 'dpbench[robosuite]'"

# robosuite warns at import of optional parts and at every reset of controllers for limbs that an arm does not have.
logging.getLogger("robosuite_logs").addFilter(lambda record: record.levelno >= logging.ERROR)

try:
    import mujoco
    import robosuite
    import robosuite.utils.transform_utils as T
except ImportError as error:
    raise MissingExtraError(f"this task needs robosuite ({error}); {INSTALL}") from error

if tuple(map(int, mujoco.__version__.split(".")[:2])) >= (3, 10):
    raise MissingExtraError(f"robosuite {robosuite.__version__} breaks with mujoco {mujoco.__version__}; {INSTALL}")

__all__ = ["T", "mujoco", "robosuite"]
