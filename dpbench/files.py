"""Files and folders that are either old or new, never half-written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dpbench.errors import DataError


def write_bytes(path: Path, content: bytes) -> None:
    """Write to a temporary name, flush to disk, rename.

    Raises:
        OSError: a full disk, for example; the old file stays as it was and no temporary file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Sorted, indented JSON."""
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the name `path` when all went well, and is removed otherwise.

    Raises:
        DataError: for a full disk.
    """
    for stale in path.parent.glob(f".{path.name}.*.tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: not written ({error}); free some space and run again.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
