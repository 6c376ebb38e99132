"""The command line: one file a command, imported when it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from dpbench.errors import DpbenchError

COMMANDS = {
    "train": "train a policy on the demonstrations of a task",
    "evaluate": "roll a checkpoint out from fixed starts and report success, score and latency",
    "compare": "evaluate every checkpoint of the zoo and print the comparison table",
    "latency": "time a checkpoint over samplers and step counts, with success if asked",
    "delay": "measure what injected latency costs checkpoints, with a figure",
    "chunks": "draw what policies would do from one state, side by side",
    "data": "fetch, import and look at demonstrations",
    "arm": "check a real arm (or its twin), record demonstrations on it, run a policy on it",
    "demos": "record demonstrations by hand, or generate them with a script",
    "baselines": "list the installed policies",
    "tasks": "list the installed tasks",
}


class Command(Protocol):
    """What a file of this folder defines."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare arguments, description and an example."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit status is returned."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `dpbench`; a DpbenchError becomes one line and exit status 2."""
    arguments_list = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="dpbench",
        description="Imitation-learning benchmark for robot manipulation.",
        epilog="example: dpbench compare",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((argument for argument in arguments_list if not argument.startswith("-")), None)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == chosen:
            _command(name).add_arguments(subparser)
    arguments = parser.parse_args(arguments_list)
    try:
        return _command(arguments.command).run(arguments)
    except DpbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it was.", file=sys.stderr)
        return 130


def _command(name: str) -> Command:
    return cast(Command, import_module(f"dpbench.cli.{name}"))
