"""Small jobs that every engine is tested with; functions of a module, so that any process finds them."""

from __future__ import annotations

import os
import time

from dpbench.comparison.engines.engine import Progress
from dpbench.errors import EvaluationError


def square(number: int, progress: Progress) -> int:
    progress(1, 1)
    return number * number


def raise_error(progress: Progress) -> object:  # noqa: ARG001  # as every Work
    print("about to fail")
    raise EvaluationError("the policy returned NaN.")


def die(progress: Progress) -> object:  # noqa: ARG001  # as every Work
    print("about to die", flush=True)
    os._exit(3)


def interval(seconds: float, progress: Progress) -> tuple[float, float]:
    """When it ran, on the clock of the machine, s."""
    began = time.time()
    progress(0, 2)
    time.sleep(seconds)
    progress(2, 2)
    return began, time.time()


def threads(progress: Progress) -> int:  # noqa: ARG001  # as every Work
    import torch  # only in the process that does it

    return torch.get_num_threads()
