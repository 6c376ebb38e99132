"""The tasks that dpbench ships: id -> strings; a folder a task, imported when it is made."""

if __name__ != "dpbench.envs":
    raise ImportError(f"import this package as 'dpbench.envs', not as {__name__!r}: one module has one name.")

from .avoid import TASKS as _AVOID
from .block_push import TASKS as _BLOCK_PUSH
from .pusht import TASKS as _PUSHT
from .real_arm import TASKS as _REAL_ARM
from .robosuite_tasks import TASKS as _ROBOSUITE

TASKS = {**_PUSHT, **_BLOCK_PUSH, **_AVOID, **_ROBOSUITE, **_REAL_ARM}
