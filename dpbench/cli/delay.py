"""`dpbench delay`: success of checkpoints against injected latency."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_evaluation_arguments
from dpbench.cli.json_output import json_text
from dpbench.errors import shown
from dpbench.escaping import in_terminal
from dpbench.files.locks import working_on

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = """examples:
  dpbench delay zoo/RealArm-v0/diffusion-cnn zoo/RealArmVelocity-v0/diffusion-cnn --output leaderboards/delay
  dpbench delay zoo/PushTKeypoints-v0/diffusion-cnn zoo/PushTKeypoints-v0/act --steps 0-3,6 --episodes 20 --json

With a latency of N control steps, observations are N steps old and the first N actions of each chunk are lost (Chi et
al. 2023, Fig. 5 right); N is below the number of actions that a policy executes a call. Every setting is kept as a
record. After an interruption, the same command resumes.
"""


LATENCY = kinds.whole(0, 10_000)
"""Control steps."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "checkpoints",
        nargs="+",
        type=kinds.path_or_name,
        help="folders with a checkpoint.json, a line of the figure each",
    )
    parser.add_argument("--task", type=kinds.name, help=f"{TASK} (default: the checkpoints' own)")
    parser.add_argument(
        "--steps", type=latencies, default="0-7", help="latencies in control steps: 0-7 (default), or 0,2,4"
    )
    add_evaluation_arguments(parser)
    parser.add_argument(
        "--output", type=kinds.new_folder, default=Path("delay"), help="folder of table, figure and records"
    )
    parser.add_argument("--json", action="store_true", help="print the rows and where they come from as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print and write the table and the figure."""
    with working_on(arguments.output):
        return _sweep(arguments)


def _sweep(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm  # heavy imports only when something is evaluated

    from dpbench.comparison.cells import Cell
    from dpbench.comparison.delay_sweep import delayed_cells, save, sweep
    from dpbench.comparison.reuse import KnownRecords
    from dpbench.provenance import provenance

    cells = [
        Cell(
            text,
            arguments.task,
            n_starts=arguments.episodes,
            sampler_seeds=arguments.sampler_seeds,
            device=arguments.device,
        )
        for text in arguments.checkpoints
    ]
    late = delayed_cells(cells, arguments.steps)
    known = KnownRecords(arguments.output / "records")
    with tqdm(total=sum(len(cell.trials) for cell in late), unit="episode", desc="delay") as bar:
        rows = sweep(late, known, arguments.workers, bar.update)
    packages = dict.fromkeys(name for cell in late for name in (*cell.task.packages, *cell.policy.packages))
    document = {"rows": rows.to_dict("records"), "provenance": provenance(tuple(packages))}
    written = save(rows, document, arguments.output)
    if arguments.json:
        print(json_text(document))
        return 0
    _print(rows)
    print(f"written: {written}.json, .csv, .md and .png")
    return 0


def latencies(text: str) -> tuple[int, ...]:
    """`"0-3,6"` as numbers in rising order.

    Raises:
        ArgumentTypeError: for anything else.
    """
    steps: set[int] = set()
    try:
        for part in text.split(","):
            first, dash, last = part.strip().partition("-")
            lowest = LATENCY(first)
            highest = LATENCY(last) if dash else lowest
            if lowest > highest:
                raise argparse.ArgumentTypeError(f"{lowest} to {highest}")
            steps |= set(range(lowest, highest + 1))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{shown(text)}: expected whole numbers and ranges, such as 0-7 or 0,2,4"
        ) from error
    return tuple(sorted(steps))


def _print(rows: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

    from dpbench.comparison.delay_sweep import LEGEND

    console = Console(highlight=False)
    for (task, policy, action), part in rows.groupby(["task", "policy", "action"], sort=False):
        table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
        table.title = in_terminal(f"{str(task).removeprefix('dpbench/')}/{policy}, {action} actions")
        for head in ("latency", *FIGURES):
            table.add_column(head, no_wrap=True)
        for _, row in part.iterrows():
            figures = [_interval(row, name, digits) for name, digits in FIGURES.items()]
            table.add_row(str(row["latency_steps"]), *figures)
        console.print(table)
    console.print(f"{LEGEND} Score: the task's own, at its best in an episode.", style="dim")


FIGURES = {"success": 2, "score": 2, "length": 0}
"""Columns of the terminal's tables, and their digits."""


def _interval(row: pd.Series[Any], name: str, digits: int) -> str:
    return f"{row[name]:.{digits}f} [{row[f'{name}_low']:.{digits}f}, {row[f'{name}_high']:.{digits}f}]"
