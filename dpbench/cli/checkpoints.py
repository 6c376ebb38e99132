"""`dpbench checkpoints`: the last checkpoints of training runs, together, or the best of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.cli.arguments import add_device_argument, add_workers_argument, not_both
from dpbench.cli.json_output import json_text
from dpbench.errors import ConfigError
from dpbench.escaping import printable
from dpbench.files.locks import working_on
from dpbench.starts import SELECTION

if TYPE_CHECKING:
    from dpbench.comparison.cells import ResolvedCell
    from dpbench.records.record import Record

EXAMPLE = """examples:
  dpbench train mlp-bc --task PushTKeypoints-v0 --keep-checkpoints 10
  dpbench checkpoints runs/PushTKeypoints-v0/mlp-bc-small-seed42
  dpbench checkpoints runs/PushTKeypoints-v0/mlp-bc-small-seed*
  dpbench checkpoints runs/PushTKeypoints-v0/mlp-bc-small-seed42 --choose

Runs that differ in their training seed are averaged. Finished evaluations are kept; after an interruption, the same
command goes on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "runs", nargs="+", type=kinds.folder, metavar="RUN", help="folder of a run with --keep-checkpoints"
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help=f"choose the best from the starts {SELECTION!r}, which are none that results are reported from, and write "
        "it to RUN/chosen",
    )
    parser.add_argument("--starts", type=kinds.name, help="list of start states (default: the task's first)")
    parser.add_argument("--episodes", type=kinds.whole(2), help="number of start states (default: all of the list)")
    parser.add_argument(
        "--records", type=kinds.new_folder, default=Path("runs/records"), help="folder of the records (runs/records)"
    )
    add_workers_argument(parser)
    add_device_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate what has no record yet, then print the figures, or choose."""
    from dpbench.comparison.last_checkpoints import cells_of  # torch: only when something is evaluated

    not_both(arguments, "--choose", "--starts")
    if arguments.starts == SELECTION:
        raise ConfigError(f"--starts {SELECTION}: no result is reported from these; give --choose instead.")
    starts = SELECTION if arguments.choose else arguments.starts
    cells = [cells_of(path, starts, arguments.episodes, arguments.device) for path in arguments.runs]
    with working_on(arguments.records):
        records = _evaluated(cells, arguments)
    return _choose(arguments, records) if arguments.choose else _show(arguments, records)


def _evaluated(cells: Sequence[Sequence[ResolvedCell]], arguments: argparse.Namespace) -> list[list[Record]]:
    """The records of each run."""
    from tqdm import tqdm

    from dpbench.comparison.reuse import KnownRecords, known_or_evaluated

    known = KnownRecords(arguments.records)
    n_episodes = sum(len(cell.trials) for of_run in cells for cell in of_run)
    with tqdm(total=n_episodes, unit="episode", desc="checkpoints") as bar:
        return [[known_or_evaluated(cell, known, arguments.workers, bar.update) for cell in one] for one in cells]


def _choose(arguments: argparse.Namespace, records: Sequence[Sequence[Record]]) -> int:
    from dpbench.comparison.last_checkpoints import CHOSEN, choose

    rows = []
    for path, of_run in zip(arguments.runs, records, strict=True):
        with working_on(path):
            best = choose(path, of_run)
        rows.append({"run": str(path), "step": best.policy.step, "candidates": [one.policy.step for one in of_run]})
        if not arguments.json:
            print(
                f"{printable(path)}: step {best.policy.step} of {len(of_run)} checkpoints is the best from "
                f"{best.n_starts} starts for choosing; written to {printable(path / CHOSEN)}"
            )
    if arguments.json:
        print(json_text(rows))
    return 0


def _show(arguments: argparse.Namespace, records: Sequence[Sequence[Record]]) -> int:
    from dpbench.comparison.last_checkpoints import last_checkpoints
    from dpbench.leaderboard.last_checkpoints import EXPLAINED, checkpoints_row, checkpoints_table

    groups = last_checkpoints([record for of_run in records for record in of_run])
    if arguments.json:
        print(json_text([checkpoints_row(one) for one in groups]))
        return 0
    from rich.console import Console
    from rich.table import Table

    from dpbench.escaping import in_terminal

    text = checkpoints_table(groups)
    table = Table()
    for head in text.columns:
        table.add_column(in_terminal(head))
    for cells in text.itertuples(index=False):
        table.add_row(*map(in_terminal, cells))
    console = Console()
    console.print(table)
    console.print(EXPLAINED, style="dim", markup=False)
    return 0
