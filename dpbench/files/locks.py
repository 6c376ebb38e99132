"""One writer at a time: a lock beside whatever is written, held by the process that works on it.

The lock is one of the operating system, on the file `.NAME.lock` beside NAME. It ends with its process, however that
ends. While it is held, the file says who holds it; the file is removed when the work is done.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from dpbench.errors import BusyError, DpbenchError
from dpbench.files.reading import Kind, read_json
from dpbench.files.writing import is_temporary, remove_leftovers

WAIT_S = 0.2
"""A writer that is just ending is waited for."""
NOTE = Kind(DpbenchError, "the lock holds without it", limit_bytes=2**16)
MAX_COMMAND = 200
"""Characters of a command line that are shown."""
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What file systems without locks answer."""


@contextmanager
def working_on(path: Path) -> Iterator[None]:
    """Be the only writer of a file or folder, and begin by removing what killed processes left of it.

    Raises:
        BusyError: when another process works on it; the message says which.
        DpbenchError: when nothing can be written there.
    """
    with only_writer(path) as is_new:
        if is_new:
            remove_leftovers(_target(path))
        yield


@contextmanager
def only_writer(path: Path, wait_s: float = WAIT_S) -> Iterator[bool]:
    """Be the only writer of a file or folder; a process that is that already stays it.

    Args:
        path: what is written; it need not exist.
        wait_s: for another writer, s.

    Yields:
        Whether the process was not the writer before.

    Raises:
        BusyError: when another process works on it; the message says which.
        DpbenchError: when nothing can be written there.
    """
    if is_temporary(path):  # this process's own, whose name nobody else knows
        yield False
        return
    target = _target(path)
    place = target.with_name(f".{target.name}.lock")
    lock = FileLock(place, timeout=wait_s, thread_local=False, is_singleton=True, fallback_to_soft=False)
    if lock.is_locked:
        yield False
        return
    locked = _acquire(lock, path, place)
    try:
        yield True
    finally:
        if locked:
            with suppress(OSError):
                place.unlink()  # before the release: afterwards it may be another process's
            lock.release()


def _target(path: Path) -> Path:
    """Where a path leads: one lock, whatever the path is called."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:  # before Python 3.13, a loop is a RuntimeError
        raise DpbenchError(f"{path} is a link that leads back to itself; choose another place.") from error
    if not target.name:
        raise DpbenchError(f"{path} has no name of its own; choose a place inside it.")
    return target


def _acquire(lock: FileLock, path: Path, place: Path) -> bool:
    """Take the lock; False where the file system has none."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        while _is_removed(lock):  # by its last holder, after we had opened it: others lock the file that is there now
            lock.release()
            lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"{path} is being written by {_holder(place)}; wait until it ends, or choose another place."
        ) from error
    except OSError as error:
        # A folder may be writable where the one that holds it is not.
        if error.errno not in NO_LOCKS and not (path.is_dir() and os.access(path, os.W_OK)):
            raise DpbenchError(
                f"{path}: nothing can be written there ({error.strerror}); free some space, or choose another place."
            ) from error
        logging.getLogger(__name__).warning(
            "note: %s cannot be locked (%s); see to it that no other process writes there.", path, error.strerror
        )
        return False
    with suppress(OSError):  # the lock holds without it; Windows lets nobody write to it
        place.write_text(json.dumps(_self()), encoding="utf-8")
    return True


def _is_removed(lock: FileLock) -> bool:
    number: int | None = lock._context.lock_file_fd  # filelock itself never removes the file and does not look
    return number is not None and os.fstat(number).st_nlink == 0


def _self() -> dict[str, str]:
    program = Path(sys.argv[0]).name.replace("__main__.py", "dpbench")
    command = " ".join(" ".join([program, *sys.argv[1:]]).split())
    return {
        "process": str(os.getpid()),
        "host": socket.gethostname(),
        "command": command[:MAX_COMMAND],
        "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }


def _holder(place: Path) -> str:
    """Who holds a lock, in words."""
    try:
        told = read_json(place, NOTE)
        words = {key: " ".join(str(told[key]).split())[:MAX_COMMAND] for key in _self()}
    except (DpbenchError, KeyError):
        return "another process"
    return "process {process} on {host} since {since} ({command})".format(**words)
