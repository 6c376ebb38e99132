"""The zoo: which checkpoints it holds, how a run becomes one, and its model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from dpbench.data.public import own_dataset
from dpbench.errors import DataError
from dpbench.files import write_bytes
from dpbench.policies.baseline import Baseline
from dpbench.policies.checkpoint import CHECKPOINT_JSON, load_checkpoint, save_checkpoint
from dpbench.policies.networks import n_parameters_of
from dpbench.registry import registry
from dpbench.tasks import load_task

MANIFEST = "zoo.json"


@dataclass(frozen=True)
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
    baseline: str
    task: str
    preset: str
    seed: int
    bf16: bool = False
    compile: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)


def manifest(zoo: Path) -> tuple[ZooEntry, ...]:
    """What `zoo.json` lists; nothing when there is none.

    Raises:
        DataError: when the file is no manifest.
    """
    path = zoo / MANIFEST
    if not path.exists():
        return ()
    try:
        return tuple(ZooEntry(name=name, **fields) for name, fields in json.loads(path.read_text()).items())
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is no list of checkpoints ({error}); compare it with the one in the repository."
        ) from error


def checkpoints(zoo: Path) -> tuple[Path, ...]:
    """Folders of the zoo that hold a checkpoint, sorted."""
    return tuple(sorted(path.parent for path in zoo.rglob(CHECKPOINT_JSON)))


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
    write_bytes(folder / "README.md", model_card(stored, folder.name).encode())


def model_card(description: Mapping[str, Any], name: str) -> str:
    """Markdown: what it is, how it was trained, how to use it, what it is not for."""
    baseline: Baseline[Any] = registry("baseline").load(description["baseline"])
    n_parameters = description["n_parameters"]
    averaged = description["training"]["ema_power"] is not None
    which = "the training's moving average" if averaged else "the last step"
    training = "\n".join(f"| {key} | {value} |" for key, value in description["training"].items())
    config = "\n".join(f"| {key} | {value} |" for key, value in description["config"].items())
    short = str(description["task"]).rsplit("/", 1)[-1]
    folder = f"zoo/{short}/{name}"
    versions = ", ".join(f"{name} {value}" for name, value in description["versions"].items())
    data, licence = _demonstrations(str(description["task"]), description["data"].get("store"))
    return f"""# {description["baseline"]} on {description["task"]}

{baseline.paper}. Preset `{description["preset"]}`, {n_parameters:,} parameters, {description["step"]:,} gradient steps,
trained in {description["precision"]}, stored in {description["stored_precision"]} as safetensors.

    dpbench evaluate {folder}
    dpbench train {description["baseline"]} --task {description["task"]} {_arguments(description, baseline)}

Its figures stand in `leaderboards/README.md`, with intervals and provenance.

**Data.** {data}; fingerprint of the arrays used: `{description["data"]["fingerprint"]}`.
{description["data"]["train_windows"]:,} training windows, {description["data"]["val_windows"]:,} for validation.

**Limits.** It has seen this task from these demonstrations only. Weights are those of {which}.

**Licence.** MIT, as the code. {licence}

| configuration | |
|---|---|
{config}

| training | |
|---|---|
{training}

Versions: {versions}; commit {description.get("commit")}.
"""


def _demonstrations(task_id: str, store: str | None) -> tuple[str, str]:
    """Where the demonstrations come from, the task's own or those of a store, and whose they are."""
    if store is not None:
        return f"The store `{store}`, not the task's own demonstrations", "The demonstrations are their authors'."
    dataset = own_dataset(load_task(task_id))
    if dataset is not None:
        return (
            f"Published demonstrations: {dataset.source}",
            f"The demonstrations are their authors' ({dataset.source}).",
        )
    return (
        f"Demonstrations of the task's script (`dpbench demos generate {task_id}`)",
        "So are the demonstrations, which the task's script made.",
    )


def _arguments(description: Mapping[str, Any], baseline: Baseline[Any]) -> str:
    """The rest of the command line that trains the same."""
    name = str(description["preset"]).removesuffix("*")
    preset = baseline.preset(name)
    known = json.loads(json.dumps({**asdict(preset.config), **asdict(preset.training)}))
    config = asdict(baseline.config(description["config"]))
    trained = {**json.loads(json.dumps(config)), **description["training"]}
    changed = [f"--set {key}={json.dumps(value)}" for key, value in trained.items() if value != known.get(key, value)]
    bf16 = ["--bf16"] if description["precision"] == "bf16" else []
    compiled = ["--compile"] if description["compile"] else []
    store = [f"--store {description['data']['store']}"] if "store" in description["data"] else []
    return " ".join([f"--preset {name}", f"--seed {description['seed']}", *changed, *store, *bf16, *compiled])
