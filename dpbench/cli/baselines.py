"""`dpbench baselines`: the installed policies, and presets and sampling options of one."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError, PluginError, shown
from dpbench.escaping import in_terminal
from dpbench.policies.baseline import Baseline, ScriptedPolicy
from dpbench.policies.networks import count_parameters
from dpbench.policies.sampling import option_texts
from dpbench.registry import note, registry
from dpbench.tasks import load_task

EXAMPLE = """examples:
  dpbench baselines
  dpbench baselines show diffusion-cnn
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("action", nargs="?", choices=["list", "show"], default="list", help="list (default) or show")
    parser.add_argument("name", nargs="?", type=kinds.name, help="baseline to show")
    parser.add_argument(
        "--task", type=kinds.name, help=f"count parameters for this task, {TASK} (default: the first installed)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """List all, or show one."""
    if arguments.action == "list" and arguments.name is not None:
        raise ConfigError(f"list takes no name; dpbench baselines show {shown(arguments.name)} shows one.")
    if arguments.action == "show" and arguments.name is None:
        raise ConfigError("show needs a name; `dpbench baselines` lists them.")
    baselines = registry("baseline")
    task_id = arguments.task or min(registry("task").own)
    if arguments.action == "show":
        # A name that cannot be imported fails here with its own error.
        name = arguments.name
        print(json_text(_row(name, baselines.load_as(name, Baseline, ScriptedPolicy), task_id)))
        return 0
    rows = []
    for name, loaded in baselines.load_all(Baseline, ScriptedPolicy).items():
        try:
            rows.append(_row(name, loaded, task_id))
        except PluginError as error:
            note(str(error))
    if arguments.json:
        print(json_text(rows))
        return 0
    table = Table("name", "from", "parameters (M)", "source", box=box.SIMPLE_HEAD)
    for column in table.columns[:3]:
        column.no_wrap = True
    for row in rows:
        # One line a preset; the list of `show` has the exact numbers.
        presets = row["presets"].items()
        counts = Text("\n").join(in_terminal(f"{preset['n_parameters'] / 1e6:.2f} {name}") for name, preset in presets)
        table.add_row(row["name"], in_terminal(row["from"]), counts or "-", in_terminal(row["paper"]))
    console = Console()
    console.print(table)
    console.print(f"Parameters: for {task_id}.", style="dim")
    return 0


def _row(name: str, loaded: Any, task_id: str) -> dict[str, Any]:
    with registry("baseline").blamed(name):
        row = {"name": name, **_described(name, loaded, task_id)}
        json.dumps(row)  # a configuration of a plug-in may hold anything
        return row


def _described(name: str, loaded: Any, task_id: str) -> dict[str, Any]:
    entry = registry("baseline").entry(name)
    presets, sampling = {}, {}
    if isinstance(loaded, Baseline):
        first = next(iter(loaded.presets.values())).config
        sampling = option_texts(loaded.sampling.of(first)) if loaded.sampling is not None else {}
        task = load_task(task_id)
        for preset_name, preset in loaded.presets.items():
            presets[preset_name] = {
                "n_parameters": count_parameters(loaded, preset.config, task),
                "config": asdict(preset.config),
                "training": asdict(preset.training),
            }
    return {
        "from": entry.distribution,
        "target": entry.target,
        "paper": str(loaded.paper),
        "sampling": sampling,
        "presets": presets,
    }
