"""`dpbench leaderboard`: what is done with records once they are kept; one file an action."""

from __future__ import annotations

import argparse
from importlib import import_module

ACTIONS = {
    "render": "write the pages, the figures and the table from the records",
    "add": "check a record from elsewhere, and add it",
}
EXAMPLE = """examples:
  dpbench leaderboard render
  dpbench leaderboard render --records runs/records --output runs/pages
  dpbench leaderboard add submitted/record.json --checkpoint submitted/checkpoint --verify 10

Each action has its own --help.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=summary)
        import_module(f"dpbench.cli.leaderboard_actions.{name}").add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    status: int = import_module(f"dpbench.cli.leaderboard_actions.{arguments.action}").run(arguments)
    return status
