"""`dpbench tasks`: what is installed, and from where."""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.table import Table

from dpbench.registry import registry
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
        task = load_task(name)
        rows.append(
            {
                "id": name,
                "from": tasks.entry(name).distribution,
                "observations": ", ".join(f"{key} {spec.shape}" for key, spec in task.observations.items()),
                "action": f"({task.action.dim},) {task.action.kind} {task.action.unit}",
                "rate_hz": task.rate_hz,
                "steps": task.max_episode_steps,
                "starts": ", ".join(f"{starts.name} ({starts.count})" for starts in task.evaluation),
            }
        )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console()
    console.print(table)
    for problem in tasks.problems:
        console.print(f"not loaded: {problem}")
    return 0
