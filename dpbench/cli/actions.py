"""Commands with several actions: a file an action, in the folder `<command>_actions`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module


def add_actions(parser: argparse.ArgumentParser, command: str, summaries: Mapping[str, str]) -> None:
    """Declare the actions of a command, each with the arguments of its file.

    Args:
        parser: of the command.
        command: its name.
        summaries: action -> what it does.
    """
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in summaries.items():
        action = actions.add_parser(name, help=summary, description=summary)
        import_module(f"dpbench.cli.{command}_actions.{name}").add_arguments(action)


def run_action(command: str, arguments: argparse.Namespace) -> int:
    """Run the action that was typed and return its exit status."""
    status: int = import_module(f"dpbench.cli.{command}_actions.{arguments.action}").run(arguments)
    return status
