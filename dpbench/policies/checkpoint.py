"""Checkpoints: `checkpoint.json` (what it is) beside one safetensors file (weights and normalisers).

Nothing in a checkpoint is executed when it is loaded. The JSON has the SHA-256 of the weights and is written last, so
that a checkpoint is complete or absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dpbench.data.normalise import Normaliser
from dpbench.errors import CheckpointError, DataError
from dpbench.files import write_bytes, write_json

CHECKPOINT_JSON = "checkpoint.json"
FORMAT_VERSION = 1
REQUIRED = ("baseline", "preset", "task", "config", "seed", "step", "weights", "weights_sha256")


@dataclass(frozen=True)
class Checkpoint:
    """A trained policy as it is stored.

    Attributes:
        description: the JSON: `baseline`, `preset`, `task`, `config`, `training`, `seed`, `step`, `n_parameters`,
            `data`, `versions`.
        weights: parameter name -> tensor, float32.
        normalisers: flat observation key or `"action"` -> normaliser.
        sha256: of the weights file.
    """

    description: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    normalisers: Mapping[str, Normaliser]
    sha256: str


def save_checkpoint(
    folder: Path,
    description: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    normalisers: Mapping[str, Normaliser],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a checkpoint; `dtype` float16 halves the file.

    Raises:
        CheckpointError: when the disk is full or the folder cannot be written; an older checkpoint stays as it was.
    """
    tensors = {f"weights.{name}": tensor.to(dtype) for name, tensor in weights.items()}
    for key, normaliser in normalisers.items():
        tensors[f"normaliser.{key}.scale"] = torch.from_numpy(normaliser.scale)
        tensors[f"normaliser.{key}.offset"] = torch.from_numpy(normaliser.offset)
    old = _weights_file(folder)
    try:
        # The step is part of the name: the old JSON keeps pointing to the old weights until it is replaced.
        name = f"weights-{description['step']}.safetensors"
        sha256 = write_tensors(folder / name, tensors)
        write_json(
            folder / CHECKPOINT_JSON,
            {**description, "format_version": FORMAT_VERSION, "weights": name, "weights_sha256": sha256},
        )
    except OSError as error:
        raise CheckpointError(f"{folder}: checkpoint not saved ({error}); free some space and run again.") from error
    if old is not None and old.name != name:
        old.unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint and verify its content.

    Raises:
        CheckpointError: when it is missing, truncated, corrupt or of another format.
    """
    description = read_description(folder)
    path = folder / str(description["weights"])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: weights cannot be read ({error.strerror}); copy or train it again.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != description["weights_sha256"]:
        raise CheckpointError(
            f"{path} is corrupt or truncated: its SHA-256 is {sha256}, {CHECKPOINT_JSON} says "
            f"{description['weights_sha256']}; copy or train it again."
        )
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file ({error}); copy or train it again.") from error
    try:
        normalisers = _normalisers(tensors)
    except (DataError, KeyError) as error:
        raise CheckpointError(f"{path}: its normalisers cannot be used ({error}); copy or train it again.") from error
    weights = {name[len("weights.") :]: value.float() for name, value in tensors.items() if name.startswith("weights.")}
    return Checkpoint(description, weights, normalisers, sha256)


def read_description(folder: Path) -> dict[str, Any]:
    """The JSON of a checkpoint, without its weights.

    Raises:
        CheckpointError: when it is missing, not JSON, of another format, or lacks a field.
    """
    path = folder / CHECKPOINT_JSON
    try:
        description: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} holds no {CHECKPOINT_JSON}: expected a folder written by `dpbench train`, such as zoo/..."
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}); copy or train it again.") from error
    version = description.get("format_version") if isinstance(description, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format_version {version!r}, expected {FORMAT_VERSION}; update dpbench.")
    if missing := [key for key in REQUIRED if key not in description]:
        raise CheckpointError(f"{path} lacks {', '.join(missing)}; copy or train it again.")
    # A path here would let a file from a stranger name any file to be read, and the next save would delete it.
    if not _is_plain_name(description["weights"]):
        raise CheckpointError(
            f"{path}: weights = {description['weights']!r} is not the name of a file beside it; copy or train it again."
        )
    return description


def checkpoint_folders(root: Path) -> tuple[Path, ...]:
    """Folders below `root` that hold a checkpoint, sorted."""
    return tuple(sorted(path.parent for path in root.rglob(CHECKPOINT_JSON)))


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write a safetensors file, which is either old or new, never half-written.

    Returns:
        The SHA-256 of the file, to be written into the JSON that points to it.
    """
    content = save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def _normalisers(tensors: Mapping[str, Tensor]) -> dict[str, Normaliser]:
    keys = sorted({name.split(".", 1)[1].rsplit(".", 1)[0] for name in tensors if name.startswith("normaliser.")})
    return {
        key: Normaliser(tensors[f"normaliser.{key}.scale"].numpy(), tensors[f"normaliser.{key}.offset"].numpy())
        for key in keys
    }


def _is_plain_name(name: object) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _weights_file(folder: Path) -> Path | None:
    try:
        return folder / str(read_description(folder)["weights"])
    except (CheckpointError, KeyError):
        return None
