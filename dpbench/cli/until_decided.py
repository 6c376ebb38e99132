"""`dpbench compare --until-decided A B`: two policies on the same starts, until one is better."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.cli.arguments import not_both, only_with
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError
from dpbench.escaping import printable

if TYPE_CHECKING:
    from dpbench.comparison.cells import ResolvedCell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--until-decided",
        nargs=2,
        type=kinds.path_or_name,
        metavar=("A", "B"),
        help="run two policies on the same starts, at most --episodes, and stop as soon as one is better; false alarms "
        "at most 5 %%, whenever it stops; names of the zoo with --tasks, or what `dpbench evaluate` takes",
    )
    parser.add_argument("--batch", type=kinds.count, default=10, help="starts between two looks (default 10)")


def check(arguments: argparse.Namespace) -> None:
    """Refuse options that count for nothing.

    Raises:
        ConfigError: for such an option.
    """
    chosen = arguments.until_decided is not None
    only_with(arguments, chosen, "--until-decided", "--batch")
    if chosen:
        for other in ("--suite", "--policies", "--data-dir"):
            not_both(arguments, "--until-decided", other)
        for flag in ("fresh", "retime", "train"):
            if getattr(arguments, flag):
                raise ConfigError(f"--{flag} does nothing beside --until-decided: leave it out.")


def run(arguments: argparse.Namespace) -> int:
    """Run the pair and print the decision."""
    from tqdm import tqdm  # heavy imports only when something is run

    from dpbench.comparison.until_decided import ALPHA, STATES, until_decided

    if len(arguments.tasks) > 1:
        raise ConfigError(f"--tasks {','.join(arguments.tasks)}: a pair is decided on one task; choose one.")
    if len(arguments.sampler_seeds) > 1:
        raise ConfigError("--sampler-seeds: a pair is decided with one, since each start is run once; choose one.")
    first, second = (_cell(arguments, text) for text in arguments.until_decided)
    title = printable(f"{first.name} against {second.name}")
    with tqdm(total=2 * len(first.trials), unit="episode", desc=title) as bar:
        decision = until_decided(
            first, second, arguments.records.parent / STATES, arguments.workers, arguments.batch, ALPHA, bar.update
        )
    print(json_text(decision.as_row()) if arguments.json else printable(decision.sentence()))
    return 0


def _cell(arguments: argparse.Namespace, text: str) -> ResolvedCell:
    """A policy of the pair: a name of the zoo on the chosen task, or what every command takes."""
    from dpbench.comparison.cells import Cell, resolve
    from dpbench.tasks import find_task

    task = find_task(arguments.tasks[0]) if arguments.tasks else None
    of_zoo = arguments.zoo / Path(task).name / text if task is not None else Path(text)
    policy = str(of_zoo) if (of_zoo / "checkpoint.json").is_file() else text
    return resolve(
        Cell(policy, task, arguments.starts, arguments.episodes, arguments.sampler_seeds, device=arguments.device)
    )
