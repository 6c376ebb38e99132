"""Worker processes that end with the process that started them, however that ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

from dpbench.errors import DpbenchError

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def worker_processes(n_workers: int, prepare: Callable[[], object] | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes; when the block ends by an exception, they are ended at once.

    Args:
        n_workers: processes, at least one.
        prepare: called in each before its first work; a function of a module, so that it can be pickled.

    Raises:
        DpbenchError: when no process can be started, or one ends before its work is done.
    """
    others = set(active_children())
    try:
        pool = _Pool(max(1, n_workers), get_context("spawn"), _begin, (prepare,))
    except OSError as error:
        raise DpbenchError(
            f"worker processes cannot be started ({error.strerror}); on Linux they need /dev/shm and a folder for "
            "temporary files that can be written (TMPDIR)."
        ) from error
    try:
        yield pool
    except BrokenProcessPool as error:
        pool.shutdown()  # waits until the exit codes are known
        raise DpbenchError(
            f"a worker process {_end(pool.started - others)} before its work was done: what it ran crashed, or memory "
            "ran out; run the same command again with fewer --workers."
        ) from error
    except BaseException:
        for process in set(active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end(processes: set[BaseProcess]) -> str:
    """How the first of them ended by itself; the pool terminates those that are left."""
    codes = [code for process in processes if (code := process.exitcode) not in (0, None, -signal.SIGTERM)]
    return end_of(codes[0] if codes else None)


def end_of(status: int | None) -> str:
    """How a process ended, from its exit code, as the end of a sentence; None where it is not known."""
    if status is None:
        return "ended"
    return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"


class _Pool(ProcessPoolExecutor):
    """Its processes do not see Ctrl-C, which a terminal sends to all: the one that started them ends them.

    Attributes:
        started: all children of this process at the last `submit`.
    """

    started: set[BaseProcess] = set()  # noqa: RUF012  # replaced, never changed

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        submitted = self._submit(fn, *args, **kwargs)
        self.started = self.started | set(active_children())
        return submitted

    def _submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with without_interrupts():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Processes that are started inside do not see Ctrl-C, from their first moment."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """In a worker: end it as soon as the process that started it has ended, however that ended."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _begin(prepare: Callable[[], object] | None) -> None:
    """In a worker: see to it that it ends, then prepare."""
    end_with_parent()
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
