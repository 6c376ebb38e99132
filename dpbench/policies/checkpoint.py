"""Checkpoints: `checkpoint.json` (what it is) beside one safetensors file (weights and normalisers).

Nothing in a checkpoint is executed when it is loaded. The JSON has the SHA-256 of the weights and is written last, so
that a checkpoint is complete or absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dpbench.data.normalise import Normaliser
from dpbench.errors import CheckpointError, DataError
from dpbench.files.reading import Kind, read_bytes
from dpbench.files.writing import write_json
from dpbench.policies.checkpoint_description import CHECKPOINT_JSON, FORMAT_VERSION, read_description
from dpbench.policies.tensor_files import parse_tensors, write_tensors

WEIGHTS = Kind(CheckpointError, "copy or train it again", limit_bytes=4 * 2**30)
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
"""Numbers that weights are stored as."""

MAX_WEIGHT = 1e9
"""Magnitude; larger ones come from damage, and overflow when the network computes."""


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
        for other in [old, *folder.glob("weights-*.safetensors")]:  # the last one's, and those of killed processes
            if other is not None and other.name != name:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{folder}: checkpoint not saved ({error}); free some space and run again.") from error


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint and verify its content.

    Raises:
        CheckpointError: when it is missing, truncated, corrupt, of another format, or holds anything but finite weights
            and usable normalisers; the message names the file and what is wrong in it.
    """
    description = read_description(folder)
    try:
        return _load(folder, description)
    except CheckpointError:
        if read_description(folder) == description:
            raise
        return load_checkpoint(folder)  # a training saved it again in the meantime


def _load(folder: Path, description: dict[str, Any]) -> Checkpoint:
    path = folder / str(description["weights"])
    content = read_bytes(path, WEIGHTS, inside=folder)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != description["weights_sha256"]:
        raise WEIGHTS.wrong(
            path,
            f"is corrupt or truncated, its SHA-256 is {sha256}, {CHECKPOINT_JSON} says {description['weights_sha256']}",
        )
    tensors = parse_tensors(content, path, WEIGHTS)
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "normaliser": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part not in parts or not rest:
            raise WEIGHTS.wrong(path, f"holds {name!r}, expected weights.NAME and normaliser.KEY.scale or .offset")
        if tensor.dtype not in DTYPES:
            raise WEIGHTS.wrong(path, f"{name} holds {tensor.dtype}, expected float32 or half precision")
        if tensor.numel() and tensor.abs().max() > MAX_WEIGHT:
            raise WEIGHTS.wrong(
                path, f"{name} holds numbers beyond {MAX_WEIGHT:g}, no network of ours has such weights"
            )
        parts[part][rest] = tensor
    try:
        normalisers = _normalisers(parts["normaliser"])
    except (DataError, KeyError) as error:
        raise WEIGHTS.wrong(path, f"its normalisers cannot be used ({error})") from error
    weights = {name: tensor.float() for name, tensor in parts["weights"].items()}
    return Checkpoint(description, weights, normalisers, sha256)


def checkpoint_folders(root: Path) -> tuple[Path, ...]:
    """Folders below `root` that hold a checkpoint, sorted."""
    return tuple(sorted(path.parent for path in root.rglob(CHECKPOINT_JSON)))


def _normalisers(tensors: Mapping[str, Tensor]) -> dict[str, Normaliser]:
    """Normalisers by key, from `KEY.scale` and `KEY.offset`."""
    keys = sorted({name.rpartition(".")[0] for name in tensors})
    wanted = {f"{key}.{field}" for key in keys for field in ("scale", "offset")}
    if odd := sorted(wanted ^ tensors.keys()):
        raise DataError(f"{odd[0]} {'is missing' if odd[0] in wanted else 'is no part of one'}")
    if other := [name for name, tensor in tensors.items() if tensor.dtype != torch.float32]:
        raise DataError(f"{other[0]} holds {tensors[other[0]].dtype}, expected float32")
    return {key: Normaliser(tensors[f"{key}.scale"].numpy(), tensors[f"{key}.offset"].numpy()) for key in keys}


def _weights_file(folder: Path) -> Path | None:
    """The weights of the checkpoint that is there; they are removed when another one has replaced it."""
    try:
        return folder / str(read_description(folder)["weights"])
    except CheckpointError:
        return None
