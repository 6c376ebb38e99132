"""Work divided among processes: the results in order, and whatever fails as a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import TypeVar

from dpbench.errors import DpbenchError, EvaluationError
from dpbench.plugins.failures import failure_of
from dpbench.processes import worker_processes

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_workers(
    work: Callable[[Part], Result], parts: Sequence[Part], n_workers: int, on_done: Callable[[Part], object]
) -> list[Result]:
    """Do a part of the work in each process until all is done.

    Args:
        work: is pickled, as are parts and results. Processes use one thread.
        parts: of the work.
        n_workers: processes.
        on_done: is called with each part that is done.

    Raises:
        DpbenchError: what `work` raises, other exceptions as an EvaluationError; and when a process ends before its
            part.
    """
    results: dict[int, Result] = {}
    with worker_processes(min(n_workers, len(parts)), _one_thread) as pool:
        futures = {pool.submit(_told, work, part): number for number, part in enumerate(parts)}
        for future in as_completed(futures):
            number = futures[future]
            results[number] = future.result()
            on_done(parts[number])
    return [results[number] for number in range(len(parts))]


def _told(work: Callable[[Part], Result], part: Part) -> Result:
    """Do a part; every error can be pickled and read."""
    try:
        return work(part)
    except KeyboardInterrupt:
        raise
    except DpbenchError as error:
        if type(error).__module__ == DpbenchError.__module__:
            raise
        raise EvaluationError(str(error)) from None  # a plug-in's own class may not survive pickling
    except BaseException as error:
        raise EvaluationError(failure_of(error)) from None


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch  # only in workers

    torch.set_num_threads(1)
