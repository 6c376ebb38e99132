"""Files and folders that are either old or new, never half-written.

What is being written has a temporary name, `.NAME.PID.tmp`, until it is complete. A killed process leaves such a name
behind; `remove_leftovers` removes it.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dpbench.errors import DataError

TEMPORARY = re.compile(r"\..+\.(\d{1,9})\.tmp")
DEPTH = 2
"""Folders inside a folder that are searched for leftovers: a store has `data/ARRAY/`."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write one file; as `write_all`."""
    write_all({path: content})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Sorted, indented JSON."""
    write_bytes(path, json_bytes(content))


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Sorted, indented JSON, as it is written."""
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all under temporary names, flushed to disk, then renamed in order.

    Raises:
        OSError: a full disk, for example; the old files stay as they were and no temporary file is left.
    """
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
        for path in files:
            os.replace(temporary_name(path), path)
    finally:
        for path in files:
            temporary_name(path).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    try:
        with _fresh(temporary_name(path)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # which does not say the file, or says its temporary name
        raise OSError(error.errno, error.strerror, str(path)) from error


def _fresh(path: Path) -> IO[bytes]:
    """Make a file for writing; a link of that name, which could lead to any file, is removed and not followed."""
    _remove(path)  # of a killed process that had our number
    return path.open("xb")  # O_EXCL: fails where anything has the name, a link included


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """For libraries that write files themselves: a path with the same name and ending, renamed when all went well.

    Raises:
        OSError: when the file cannot be written; the old file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = temporary_name(path)
    _remove(folder)  # of a killed process that had our number, or a link that leads elsewhere
    folder.mkdir()
    try:
        yield folder / path.name
        os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the name `path` when all went well, and is removed otherwise.

    Inside another one, `path` itself: that one is renamed or removed as a whole.

    Raises:
        DataError: for a full disk.
    """
    if is_temporary(path):
        yield path
        return
    temporary = temporary_name(path)
    _remove(temporary)  # as in `new_file`
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: not written ({error}); free some space and run again.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_name(path: Path) -> Path:
    """The name of `path` while this process writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether the name is one that `temporary_name` gives."""
    return TEMPORARY.fullmatch(path.name) is not None


def remove_leftovers(path: Path, depth: int = DEPTH) -> None:
    """Remove what killed processes left of a file or folder, and inside the folder; only its one writer may call this.

    Inside the folder, names of other living processes of this machine stay: they may write other things there.
    """
    for beside in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if is_temporary(beside):
            _remove(beside)
    for inside in _temporary_inside(path, depth):
        found = TEMPORARY.fullmatch(inside.name)
        if found and not _is_other_living_process(int(found[1])):
            _remove(inside)


def _temporary_inside(folder: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:  # no folder, or one that cannot be listed
        return
    for path, is_folder in found:
        if is_temporary(path):
            yield path
        elif is_folder and depth and not path.name.startswith("."):
            yield from _temporary_inside(path, depth - 1)


def _is_other_living_process(number: int) -> bool:
    if number == os.getpid():
        return False
    if sys.platform == "win32":  # there, signal 0 would end the process
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
