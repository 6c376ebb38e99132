"""Doing one job in a worker process, whatever the engine: one thread, output into its log, errors as sentences."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dpbench.comparison.engines.engine import Event, Failed, Finished, Job, Progress
from dpbench.errors import DpbenchError
from dpbench.plugins.failures import failure_of, message_of

LOG_BYTES = 32 * 2**10
"""The end of what a job printed that goes with a failure."""


def done(job: Job, progress: Progress, log: Path | None = None) -> Event:
    """Do a job in this process.

    Args:
        job: to do.
        progress: told how far it is.
        log: file with what the job prints, whose end goes with a failure; None where there is none.

    Returns:
        Finished or Failed; memory that runs out counts as a lost process, since there may be more of it another time.
    """
    try:
        _limit_threads(job.needs.cpus)
        return Finished(job.key, job.work(progress))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of plug-ins, which may raise anything, SystemExit among it
        _print_traceback()
        reason = message_of(error) if isinstance(error, DpbenchError) else failure_of(error)
        return Failed(job.key, reason, end_of_log(log), lost=isinstance(error, MemoryError))


def _limit_threads(n_threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(n_threads)  # of libraries that are still to be imported
    import torch  # only in workers

    torch.set_num_threads(n_threads)


def _print_traceback() -> None:
    try:
        traceback.print_exc()
        sys.stderr.flush()
    except Exception:  # an error that cannot even be printed; its sentence is enough
        pass


def end_of_log(path: Path | None) -> str:
    """The end of what was printed."""
    if path is None:
        return ""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def printing_into(path: Path) -> Iterator[None]:
    """All output of this process, that of C libraries included, goes into a file that is emptied first."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    streams, copies = (sys.stdout, sys.stderr), {one: os.dup(one) for one in (1, 2)}
    try:
        for one in copies:
            os.dup2(number, one)
        sys.stdout, sys.stderr = _stream(1), _stream(2)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = streams
        for one, copy in copies.items():
            os.dup2(copy, one)
            os.close(copy)
        os.close(number)


def _stream(number: int) -> TextIO:
    """Text into a file descriptor, line by line, so that it is there after a crash."""
    return os.fdopen(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
