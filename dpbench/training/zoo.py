"""The zoo: which checkpoints it holds, how a run becomes a checkpoint of the zoo, and the model card of each."""

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
from dpbench.policies.checkpoint import load_checkpoint, save_checkpoint
from dpbench.policies.checkpoint_description import read_description
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
        DataError: when the file cannot be read as a manifest.
    """
    path = zoo / MANIFEST
    if not path.exists():
        return ()
    try:
        return tuple(
            ZooEntry(name=name, **fields) for name, fields in json.loads(path.read_text(encoding="utf-8")).items()
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not a list of checkpoints ({error}); compare it with the one in the repository."
        ) from error


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
        CheckpointError: when there is no checkpoint.
        OSError: when the card cannot be written.
    """
    description = read_description(folder)
    write_bytes(folder / "README.md", model_card(description, folder.name).encode())


def model_card(description: Mapping[str, Any], name: str) -> str:
    """The model card as Markdown: what the checkpoint is, how to use and to train it, its data, limits and licence.

    Args:
        description: of the checkpoint, as its `checkpoint.json` has it.
        name: of the checkpoint's folder.
    """
    baseline: Baseline[Any] = registry("baseline").load_as(description["baseline"], Baseline)
    task_id = str(description["task"])
    averaged = description["training"]["ema_power"] is not None
    which = "the exponential moving average" if averaged else "the last gradient step"
    data, licence = _demonstrations(task_id, description["data"].get("store"))
    versions = ", ".join(f"{package} {version}" for package, version in description["versions"].items())
    return f"""# {description["baseline"]} on {task_id}

{baseline.paper}. Preset `{description["preset"]}`,
{description["n_parameters"]:,} parameters, {description["step"]:,} gradient steps.
Trained in {description["precision"]}, stored in {description["stored_precision"]} as safetensors.

Evaluate it, and train the same again:

    dpbench evaluate zoo/{task_id.rsplit("/", 1)[-1]}/{name}
    dpbench train {description["baseline"]} --task {task_id} {_arguments(description, baseline)}

**Results.** On the [leaderboard](../../../leaderboards/README.md), with intervals and provenance.

**Data.** {data}.
{description["data"]["train_windows"]:,} windows for training, {description["data"]["val_windows"]:,} for validation.
Fingerprint of the arrays: `{description["data"]["fingerprint"]}`.

**Limits.** It was trained on this task and these demonstrations only. The weights are those of {which}.

**Licence.** MIT, as the code. {licence}

{_values("configuration", asdict(baseline.config(description["config"])))}

{_values("training", description["training"])}

Versions: {versions}; commit {description.get("commit")}.
"""


def _values(title: str, values: Mapping[str, Any]) -> str:
    """A table of two columns."""
    return "\n".join([f"| {title} | |", "|---|---|", *(f"| {key} | {value} |" for key, value in values.items())])


def _demonstrations(task_id: str, store: str | None) -> tuple[str, str]:
    """What the demonstrations are, and what holds for their licence."""
    if store is not None:
        return f"The store `{store}`", "The demonstrations belong to their authors."
    dataset = own_dataset(load_task(task_id))
    if dataset is not None:
        return f"Published demonstrations: {dataset.source}", "The demonstrations belong to their authors."
    return (
        f"Demonstrations by the task's scripted policy (`dpbench demos generate {task_id}`)",
        "The demonstrations too.",
    )


def _arguments(description: Mapping[str, Any], baseline: Baseline[Any]) -> str:
    """The options of the command line that trains the same checkpoint."""
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
