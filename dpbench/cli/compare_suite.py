"""`dpbench compare --suite`: the cells of a suite, several at a time, each computed once."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.cli.arguments import not_beside, only_with
from dpbench.cli.json_output import json_text
from dpbench.comparison.engines.engine import ENGINES
from dpbench.escaping import printable

if TYPE_CHECKING:
    from dpbench.comparison.suites.expansion import Expanded
    from dpbench.comparison.suites.pairs import Pair
    from dpbench.comparison.suites.run import FailedStage
    from dpbench.comparison.suites.store import Store
    from dpbench.comparison.until_decided import Decision
    from dpbench.records.record import Record

OF_A_SUITE = ("--store", "--engine", "--address")
NOT_OF_A_SUITE = (
    "--tasks", "--policies", "--starts", "--episodes", "--sampler-seeds", "--device", "--retime", "--train",
    "--real-time",
)  # fmt: skip


def add_suite_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of suites."""
    parser.add_argument(
        "--suite",
        type=kinds.path_or_name,
        help="evaluate, and train first where it says so, what a suite lists: a name in leaderboards/suites, or a "
        ".toml file",
    )
    parser.add_argument(
        "--store",
        type=kinds.new_folder,
        default=Path("runs/suites"),
        help="folder of the suite's trainings, and of what is not a record yet (default runs/suites)",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="what computes a suite: local (processes of this machine, the default), ray or slurm (docs/scale.md)",
    )
    parser.add_argument(
        "--address",
        type=kinds.address,
        help="HOST:PORT of a Ray cluster that exists, or auto (default: one of this machine, ended with the run); "
        "local tries --engine slurm without Slurm",
    )


def check_suite_arguments(arguments: argparse.Namespace) -> None:
    """Refuse options that would count for nothing.

    Raises:
        ConfigError: when one is given.
    """
    of_suite = arguments.suite is not None
    only_with(arguments, of_suite, "--suite", *OF_A_SUITE)
    only_with(arguments, arguments.engine != "local", "--engine ray or --engine slurm", "--address")
    not_beside(arguments, of_suite, "--suite, whose file says it", *NOT_OF_A_SUITE)


def run_suite(arguments: argparse.Namespace) -> int:
    """Compute what is missing, then print the table."""
    from dpbench.cli.suite_display import SuiteDisplay  # heavy imports only when something is compared
    from dpbench.comparison.engines.choosing import engine_of
    from dpbench.comparison.suites.expansion import Setting, expand
    from dpbench.comparison.suites.pairs import pairs_of
    from dpbench.comparison.suites.run import run
    from dpbench.comparison.suites.store import Store
    from dpbench.comparison.suites.suite import read_suites, suite_path
    from dpbench.provenance import commit

    store = Store(arguments.store, arguments.records)
    suites = read_suites(suite_path(arguments.suite))
    at = commit()["id"] if arguments.fresh else None
    pairs = pairs_of(suites.values())  # before any work: what is wrong is told first
    expanded = expand(suites, Setting(store, arguments.zoo, arguments.data_dir, at))
    engine = engine_of(arguments.engine, arguments.workers, arguments.address, store.folder / "slurm")
    with SuiteDisplay(expanded.n_evaluations) as display:
        failed = run(expanded.stages, store, engine, display.told)
    decisions = _decided(pairs, arguments)
    return _show(arguments, expanded, failed, _records(expanded, store, failed), decisions)


def _decided(pairs: tuple[Pair, ...], arguments: argparse.Namespace) -> tuple[Decision, ...]:
    from tqdm import tqdm

    from dpbench.comparison.suites.pairs import decide
    from dpbench.comparison.until_decided import STATES

    total = sum(2 * len(pair.first.trials) for pair in pairs)
    with tqdm(total=total, unit="episode", desc="until decided", disable=not pairs) as bar:
        return decide(pairs, arguments.records.parent / STATES, arguments.workers, bar.update)


def _records(expanded: Expanded, store: Store, failed: tuple[FailedStage, ...]) -> list[Record]:
    """Every record of the suite that is there now and can be read."""
    from dpbench.comparison.suites.evaluating import Rollouts
    from dpbench.records.completion import completed

    unusable = {one.stage.key for one in failed}
    rollouts = list(expanded.evaluations)
    for training in expanded.trainings:
        if training.is_done() and training.key not in unusable:
            rollouts += [stage for stage in training.following() if isinstance(stage, Rollouts)]
    usable = (one.evaluated for one in rollouts if one.key not in unusable)
    found = [record for one in usable if (record := one.record(store)) is not None]
    return [completed(record, store.records) for record in found]


def _show(
    arguments: argparse.Namespace,
    expanded: Expanded,
    failed: tuple[FailedStage, ...],
    records: list[Record],
    decisions: tuple[Decision, ...],
) -> int:
    """Print the results and what failed; the exit status is returned."""
    from rich.console import Console

    from dpbench.leaderboard.frame import frame
    from dpbench.leaderboard.tables import print_table

    table = frame(records) if records else None
    if arguments.json:
        kept = json.loads(table.to_json(orient="records")) if table is not None else []
        print(
            json_text(
                [
                    *kept,
                    *(one.as_row() for one in expanded.failures),
                    *_rows_of(failed),
                    *(one.as_row() for one in decisions),
                ]
            )
        )
    elif table is not None:
        print_table(table, Console())
    if not arguments.json:
        for decision in decisions:
            print(printable(decision.sentence()))
    for failure in expanded.failures:
        _warn(f"failed: {failure.title}: {failure.reason}")
    for one in failed:
        n_lost = len(one.stage.lost())
        _warn(f"failed: {one.stage.title}{f' ({n_lost} cells)' if n_lost > 1 else ''}: {one.reason} (log: {one.log})")
    n_failed = len(expanded.failures) + sum(len(one.stage.lost()) for one in failed)
    if n_failed:
        _warn(f"{n_failed} of {expanded.n_evaluations} cells failed. The same command tries them again.")
    return 1 if n_failed else 0


def _rows_of(failed: tuple[FailedStage, ...]) -> list[dict[str, str]]:
    """For JSON, beside the rows of the table."""
    return [
        {"cell": title, "failed": one.reason, "stage": one.stage.title, "log": one.log}
        for one in failed
        for title in one.stage.lost()
    ]


def _warn(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)
