"""Tensors in a file that is either old or new, never half-written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from dpbench.files import write_bytes


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """A safetensors file.

    Returns:
        The SHA-256 of the file, to be written into the JSON that points to it.
    """
    content = save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()
