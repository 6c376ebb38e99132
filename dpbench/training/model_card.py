"""The model card of a checkpoint, as Markdown."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dpbench.data.public import own_dataset
from dpbench.escaping import in_markdown, in_markdown_code, markdown_table, printable
from dpbench.policies.baseline import Baseline
from dpbench.registry import registry
from dpbench.tasks import load_task


def model_card(description: Mapping[str, Any], name: str) -> str:
    """The model card as Markdown: what the checkpoint is, how to use and to train it, its data, limits and licence.

    Args:
        description: of the checkpoint, as its `checkpoint.json` has it.
        name: of the checkpoint's folder.

    Raises:
        ConfigError: for a configuration or training that does not exist.
    """
    baseline: Baseline[Any] = registry("baseline").load_as(description["baseline"], Baseline)
    task_id = str(description["task"])
    averaged = description["training"].get("ema_power") is not None
    which = "the exponential moving average" if averaged else "the last gradient step"
    data, licence = _demonstrations(task_id, description["data"].get("store"))
    versions = ", ".join(f"{package} {version}" for package, version in description["versions"].items())
    told = {key: in_markdown(description[key]) for key in ("precision", "stored_precision")}
    folder = f"zoo/{task_id.rsplit('/', 1)[-1]}/{name}"
    return f"""# {in_markdown(description["baseline"])} on {in_markdown(task_id)}

{baseline.paper}. Preset `{in_markdown_code(description["preset"])}`,
{description["n_parameters"]:,} parameters, {description["step"]:,} gradient steps.
Trained in {told["precision"]}, stored in {told["stored_precision"]} as safetensors.

Evaluate it, and train the same again:

    dpbench evaluate {in_shell(folder)}
    dpbench train {description["baseline"]} --task {task_id} {_arguments(description, baseline)}

**Results.** On the [leaderboard](../../../leaderboards/README.md), with intervals and provenance.

**Data.** {data}.
{description["data"]["train_windows"]:,} windows for training, {description["data"]["val_windows"]:,} for validation.
Fingerprint of the arrays: `{in_markdown_code(description["data"]["fingerprint"])}`.

**Limits.** It was trained on this task and these demonstrations only. The weights are those of {which}.

**Licence.** MIT, as the code. {licence}

{_values("configuration", asdict(baseline.config(description["config"])))}

{_values("training", description["training"])}

Versions: {in_markdown(versions)}; commit {in_markdown(description.get("commit"))}.
"""


def _values(title: str, values: Mapping[str, Any]) -> str:
    """A table of two columns."""
    return markdown_table((title, ""), values.items()).replace("|  |", "| |", 1)


def _demonstrations(task_id: str, store: str | None) -> tuple[str, str]:
    """What the demonstrations are, and what holds for their licence."""
    if store is not None:
        return f"The store `{in_markdown_code(store)}`", "The demonstrations belong to their authors."
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
    other = {key: json.dumps(value) for key, value in trained.items() if value != known.get(key, value)}
    changed = [f"--set {in_shell(key)}={in_shell(text)}" for key, text in other.items()]
    bf16 = ["--bf16"] if description["precision"] == "bf16" else []
    compiled = ["--compile"] if description["compile"] else []
    store = [f"--store {in_shell(description['data']['store'])}"] if "store" in description["data"] else []
    return " ".join([f"--preset {name}", f"--seed {description['seed']}", *changed, *store, *bf16, *compiled])


def in_shell(text: str) -> str:
    """An argument of a command line that people copy; numbers, names and lists stand as they are."""
    return text if re.fullmatch(r"[\w+,./:@\[\] -]*", text) else shlex.quote(printable(text))
