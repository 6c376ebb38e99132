"""Files of tensors (safetensors), written whole and read without trust."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dpbench.files.reading import Kind
from dpbench.files.writing import write_bytes

DTYPES = (
    torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool
)  # fmt: skip
"""What networks are made of; torch does not compute minima of the other types, nor whether they are finite."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write a safetensors file, which is either old or new, never half-written.

    Returns:
        The SHA-256 of the file, to be written into the JSON that points to it.
    """
    content = save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def parse_tensors(content: bytes, path: Path, kind: Kind) -> dict[str, Tensor]:
    """The tensors of a safetensors file; the library checks that they are no larger than the file.

    Args:
        content: of the file.
        path: of the file, for messages.
        kind: of the file.

    Raises:
        DpbenchError: `kind.error`, for a damaged file, other types than `DTYPES`, or NaN or infinite numbers.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, RuntimeError, OverflowError, TypeError) as error:
        raise kind.wrong(path, f"is not a safetensors file ({error!r})") from error
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise kind.wrong(path, f"{name} holds {tensor.dtype}, expected float32 or another type of weights")
        if not tensor.isfinite().all():
            raise kind.wrong(path, f"{name} holds NaN or infinite numbers")
    return tensors
