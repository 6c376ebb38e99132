"""The command line: a file for each command, imported when the command is used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from dpbench.cli.ending import check_working_folder, ended
from dpbench.cli.parser import Parser, check_texts

COMMANDS = {
    "train": "train a policy on the demonstrations of a task; an interrupted run resumes",
    "evaluate": "run a policy from fixed start states and report success, score and inference latency",
    "checkpoints": "put the last checkpoints of training runs together, or choose the best of them",
    "compare": "evaluate every checkpoint of the zoo and print the comparison",
    "leaderboard": "write the leaderboard's pages, figures and table from the records",
    "power": "tell how many starts a comparison needs, before a run",
    "latency": "measure inference latency over samplers and numbers of steps, and success if asked",
    "delay": "measure success against injected latency, with a figure",
    "chunks": "draw the action chunks and rollouts of policies from one state, side by side",
    "data": "download, import, export and inspect demonstrations",
    "arm": "check a real arm or its digital twin, record demonstrations on it, run a policy on it",
    "demos": "record demonstrations by hand, or generate them with a scripted policy",
    "check": "check that a task, a baseline or a data set, yours or ours, works with dpbench",
    "baselines": "list the installed policies, and show their configurations",
    "tasks": "list the installed tasks",
}
HELP = {"-h", "--help"}


class Command(Protocol):
    """What the file of a command defines."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare arguments, description and an example."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command and return the exit status."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `dpbench`; whatever the user can put right becomes one line and an exit status."""
    typed = list(sys.argv[1:] if argv is None else argv)
    return ended(lambda: _run(typed))


def _run(typed: Sequence[str]) -> int:
    if not HELP & set(typed):
        check_working_folder()
    parser = parser_for(typed)
    check_texts(typed, parser)
    arguments = parser.parse_args(typed)
    return _command(arguments.command).run(arguments)


def parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of a command line; of the commands it imports only the one that the line names."""
    parser = Parser(
        prog="dpbench",
        description="Benchmark and policy zoo for imitation learning of robot manipulation.",
        epilog="example: dpbench compare",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            _command(name).add_arguments(subparser)
    return parser


def _command(name: str) -> Command:
    return cast(Command, import_module(f"dpbench.cli.{name}"))
