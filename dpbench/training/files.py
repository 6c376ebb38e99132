"""Files that are either old or new, never half-written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor


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


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """A safetensors file.

    Returns:
        The SHA-256 of the file, to be written into the JSON that points to it.
    """
    content = save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()
