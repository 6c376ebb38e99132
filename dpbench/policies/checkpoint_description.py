"""`checkpoint.json`: what a checkpoint is, and which file beside it has its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from dpbench.errors import CheckpointError
from dpbench.files.reading import Digest, Kind, Name, as_model, read_json

CHECKPOINT_JSON = "checkpoint.json"
FORMAT_VERSION = 1
CHECKPOINT = Kind(CheckpointError, "copy or train it again", limit_bytes=2**20)


class Demonstrations(BaseModel):
    """What a policy was trained on."""

    model_config = ConfigDict(strict=True, extra="allow")

    fingerprint: Name = Field(description="of the arrays")
    train_windows: int = Field(ge=0)
    val_windows: int = Field(ge=0)
    store: Name = Field(default="-", description="left out for the task's own")


class Description(BaseModel):
    """The fields of the file; those with a default may be left out, and further ones may be there."""

    model_config = ConfigDict(strict=True, extra="allow")

    format_version: Literal[1]
    baseline: Name = Field(description="registry name of the method")
    preset: Name = Field(description="name of the preset, with a star when fields were set by hand")
    task: Name = Field(description="Gymnasium id")
    config: dict[str, JsonValue] = Field(description="of the method")
    training: dict[str, JsonValue] = Field(default_factory=dict, description="the optimisation")
    seed: int = Field(ge=0)
    step: int = Field(ge=0, description="gradient steps")
    run_steps: int | None = Field(default=None, ge=1, description="of the whole run, of a checkpoint that it kept")
    chosen_on: dict[str, JsonValue] | None = Field(default=None, description="starts and metric it was chosen by")
    candidates: list[dict[str, JsonValue]] = Field(default_factory=list, description="what it was chosen from")
    n_parameters: int = Field(default=0, ge=0)
    precision: Name = "float32"
    stored_precision: Name = "float32"
    compile: bool = False
    masks_padding: bool = Field(default=False, description="the loss leaves out actions beyond an episode")
    data: Demonstrations | None = Field(default=None)
    meaning: dict[str, dict[str, JsonValue]] | None = Field(default=None, description="of the task's numbers")
    versions: dict[str, str | None] = Field(default_factory=dict, description="of packages")
    commit: str | None = Field(default=None, max_length=200)
    weights: str
    weights_sha256: Digest

    @field_validator("weights", mode="before")
    @classmethod
    def _is_ours(cls, name: object) -> object:
        """A path would let the file of a stranger name any file to be read; and the next save deletes this one."""
        if not (isinstance(name, str) and re.fullmatch(r"weights-[0-9]{1,19}\.safetensors", name)):
            raise ValueError("is not the name of a file beside it, such as weights-10000.safetensors")
        return name


def read_description(folder: Path) -> dict[str, Any]:
    """The JSON of a checkpoint, without its weights.

    Raises:
        CheckpointError: when it is missing, not JSON, of another format, or a field is missing or wrong.
    """
    path = folder / CHECKPOINT_JSON
    if not path.exists() and not path.is_symlink():
        raise CheckpointError(
            f"{folder} holds no {CHECKPOINT_JSON}; expected a folder written by `dpbench train`, such as zoo/... ."
        )
    content = read_json(path, CHECKPOINT, inside=folder)
    version = content.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: has format_version {version}, this dpbench reads {FORMAT_VERSION}; update dpbench."
        )
    as_model(content, Description, path, CHECKPOINT)
    return content
