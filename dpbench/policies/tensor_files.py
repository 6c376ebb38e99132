"""Files of tensors (safetensors), written whole and read without trust."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dpbench.files import write_bytes
from dpbench.reading import Kind


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
        DpbenchError: `kind.error`, for a damaged file, or NaN or infinite numbers.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, RuntimeError, OverflowError, TypeError) as error:
        raise kind.wrong(path, f"is not a safetensors file ({error!r})") from error
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise kind.wrong(path, f"{name} holds NaN or infinite numbers")
    return tensors
