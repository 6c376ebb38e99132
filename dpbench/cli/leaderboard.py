"""`dpbench leaderboard`: what is done with records once they are kept; one file an action."""

from __future__ import annotations

import argparse

from dpbench.cli.actions import add_actions, run_action

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
    add_actions(parser, "leaderboard", ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    return run_action("leaderboard", arguments)
