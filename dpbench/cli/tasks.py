"""`dpbench tasks`: what is installed, and from where."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from dpbench.cli.json_output import json_text
from dpbench.errors import PluginError
from dpbench.escaping import in_terminal
from dpbench.registry import note, registry
from dpbench.spec import TaskSpec
from dpbench.starts import SELECTION
from dpbench.tasks import load_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = "example: dpbench tasks --json"
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """List tasks with their observations, actions and limits."""
    tasks = registry("task")
    rows = []
    for name in tasks.names():
        try:
            with tasks.blamed(name):
                row = {"id": name, "from": tasks.entry(name).distribution, **_row(load_task(name))}
                json_text(row)  # a task of a plug-in may hold anything
                rows.append(row)
        except PluginError as error:
            note(str(error))
    if arguments.json:
        print(json_text(rows))
        return 0
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(in_terminal(value) for value in row.values()))
    console = Console()
    console.print(table)
    return 0


def _row(task: TaskSpec) -> dict[str, str | float]:
    return {
        "observations": ", ".join(f"{key} {spec.shape}" for key, spec in task.observations.items()),
        "action": f"({task.action.dim},) {task.action.kind} {task.action.unit}",
        "rate_hz": float(task.rate_hz),
        "steps": int(task.max_episode_steps),
        "starts": ", ".join(f"{starts.name} ({starts.count})" for starts in (*task.evaluation, task.starts(SELECTION))),
        "superseded_by": task.superseded_by,
    }
