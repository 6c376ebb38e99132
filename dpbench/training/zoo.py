"""The zoo: which checkpoints it holds, how a run becomes a checkpoint of the zoo, and the model card of each."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

import torch
from pydantic import ConfigDict, Field, JsonValue
from pydantic.dataclasses import dataclass

from dpbench.errors import DataError
from dpbench.files.reading import Kind, Name, as_type, is_plain_name, read_json
from dpbench.files.writing import write_bytes
from dpbench.policies.checkpoint import load_checkpoint, save_checkpoint
from dpbench.policies.checkpoint_description import CHECKPOINT, CHECKPOINT_JSON, read_description
from dpbench.policies.networks import n_parameters_of
from dpbench.training.model_card import model_card

MANIFEST = "zoo.json"
LIST = Kind(DataError, "compare it with the one in the repository", limit_bytes=2**20)
ON_CARD = ("n_parameters", "training", "precision", "stored_precision", "compile", "data", "versions")
"""Fields that a card shows, and that `dpbench train` writes."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class ZooEntry:
    """One checkpoint that the zoo should hold.

    Attributes:
        name: folder below the zoo, `Task-vN/baseline`, with a suffix for another budget.
        baseline: registry name.
        task: Gymnasium id.
        preset: name of the preset.
        seed: training seed.
        bf16: trained in mixed precision.
        compile: trained with compiled networks.
        overrides: fields of the preset that were set by hand.
    """

    name: str
    baseline: Name
    task: Name
    preset: Name
    seed: Annotated[int, Field(ge=0)]
    bf16: bool = False
    compile: bool = False
    overrides: dict[str, JsonValue] = field(default_factory=dict)


def manifest(zoo: Path) -> tuple[ZooEntry, ...]:
    """What `zoo.json` lists; nothing when there is none.

    Raises:
        DataError: when the file cannot be read as a manifest.
    """
    path = zoo / MANIFEST
    if not path.exists() and not path.is_symlink():
        return ()
    entries = []
    for name, fields in read_json(path, LIST, inside=zoo).items():
        if len(parts := name.split("/")) != 2 or not all(map(is_plain_name, parts)):
            raise LIST.wrong(path, f"{name!r} is no folder of the zoo, expected TASK/CHECKPOINT")
        if not isinstance(fields, dict):
            raise LIST.wrong(path, f"{name} = {fields!r:.60}: expected an object")
        entries.append(as_type({**fields, "name": name}, ZooEntry, path, LIST))
    return tuple(entries)


def export(run: Path, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Copy a run's checkpoint into the zoo, in half precision, with a model card.

    Raises:
        CheckpointError: when the run has no whole checkpoint, or the copy cannot be written.
    """
    checkpoint = load_checkpoint(run)
    kept = {key: value for key, value in checkpoint.description.items() if key not in ("weights", "weights_sha256")}
    stored = {
        **kept,
        "n_parameters": n_parameters_of(checkpoint.description),
        "stored_precision": str(dtype).removeprefix("torch."),
    }
    save_checkpoint(folder, stored, checkpoint.weights, checkpoint.normalisers, dtype)
    write_card(folder)


def write_card(folder: Path) -> None:
    """Write the model card of a checkpoint of the zoo beside it.

    Raises:
        CheckpointError: when there is no checkpoint, or one without the fields that a card shows.
        OSError: when the card cannot be written.
    """
    description = read_description(folder)
    if missing := [key for key in ON_CARD if description.get(key) is None]:
        raise CHECKPOINT.wrong(folder / CHECKPOINT_JSON, f"lacks {', '.join(missing)}")
    write_bytes(folder / "README.md", model_card(description, folder.name).encode())
