"""`dpbench leaderboard render`: pages, figures and table from the records alone; nothing is evaluated."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dpbench.cli import kinds
from dpbench.cli.arguments import add_amount_arguments
from dpbench.escaping import printable
from dpbench.files.locks import working_on

EXAMPLE = """examples:
  dpbench leaderboard render
  dpbench leaderboard render --starts symmetric --output leaderboards/symmetric
  dpbench leaderboard render --records runs/records --output runs/pages

Of a policy that was evaluated several times from the same starts, the newest record is shown.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "--records", type=kinds.folder, default=Path("leaderboards/records"), help="folder of the records"
    )
    parser.add_argument(
        "--output",
        type=kinds.new_folder,
        default=Path("leaderboards"),
        help="folder of the pages (default leaderboards)",
    )
    parser.add_argument(
        "--tasks", type=kinds.names, default=(), help="comma-separated names (default: all that have records)"
    )
    parser.add_argument("--starts", type=kinds.name, help="list of start states (default: the first of each task)")
    add_amount_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Choose the records, then write what is made of them."""
    from dpbench.leaderboard.render import render  # matplotlib is imported only when something is drawn
    from dpbench.leaderboard.selection import Protocol, shown_records

    protocol = Protocol(arguments.starts, arguments.episodes, arguments.sampler_seeds, arguments.tasks)
    with working_on(arguments.output):
        records = shown_records(arguments.records, protocol, say=_warn)
        table = render(records, arguments.output)
    print(f"written from {len(records)} records: {len(table)} rows; pages, figures and table in {arguments.output}")
    return 0


def _warn(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)
