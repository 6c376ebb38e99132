"""`dpbench compare`: every checkpoint of the zoo on its task, in one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli import kinds, until_decided
from dpbench.cli.arguments import add_evaluation_arguments, only_with
from dpbench.cli.compare_suite import add_suite_arguments, check_suite_arguments, run_suite
from dpbench.cli.json_output import json_text
from dpbench.comparison.failure import Failure
from dpbench.errors import DpbenchError, EvaluationError
from dpbench.escaping import printable
from dpbench.files.locks import working_on

if TYPE_CHECKING:
    from dpbench.comparison.failure import OnFailure
    from dpbench.comparison.plan import Step
    from dpbench.comparison.reuse import KnownRecords
    from dpbench.records.record import Record

EXAMPLE = """examples:
  dpbench compare                        show what has a record, evaluate the rest
  dpbench compare --fresh                evaluate everything with the code as checked out
  dpbench compare --retime               keep known episodes, measure latency here and now
  dpbench compare --real-time            success with the policy's own latency in the loop, too
  dpbench compare --policies diffusion-cnn,hold --sampler-seeds 0 --json
  dpbench compare --tasks PushTKeypoints-v0 --starts symmetric
  dpbench compare --suite quick          the cells of a suite; leaderboards/suites/ has quick, full and paper
  dpbench compare --until-decided diffusion-cnn lstm-gmm --tasks PushTKeypoints-v0 --episodes 200
  dpbench compare --train                first train what zoo/zoo.json lists and the zoo lacks (needs the data)

Finished evaluations are kept as records. After an interruption, the same command resumes.
`dpbench leaderboard render` writes pages and figures from the records.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("--zoo", type=kinds.folder, default=Path("zoo"), help="folder with checkpoints (default zoo)")
    parser.add_argument(
        "--records", type=kinds.new_folder, default=Path("leaderboards/records"), help="folder of the records"
    )
    parser.add_argument(
        "--tasks", type=kinds.names, default=(), help="comma-separated names (default: all that the zoo has)"
    )
    parser.add_argument(
        "--policies", type=kinds.names, default=(), help="comma-separated names of methods and scripts (default: all)"
    )
    parser.add_argument("--starts", type=kinds.name, help="list of start states (default: the first of each task)")
    add_evaluation_arguments(parser)
    parser.add_argument("--fresh", action="store_true", help="reuse only records made at the checked-out commit")
    parser.add_argument(
        "--retime", action="store_true", help="measure latency on this machine now, keep the episodes of known records"
    )
    parser.add_argument(
        "--real-time",
        action="store_true",
        help="evaluate with the policy's measured latency in the loop, too; records that lack that get it",
    )
    parser.add_argument("--train", action="store_true", help="first train what the zoo lacks")
    parser.add_argument(
        "--data-dir", type=kinds.data_dir, help="data root for --train and --suite (default $DPBENCH_DATA, else ./data)"
    )
    add_suite_arguments(parser)
    until_decided.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate what is missing, then print the table; or run two policies until one is better."""
    until_decided.check(arguments)
    check_suite_arguments(arguments)
    if arguments.suite is not None:
        return run_suite(arguments)
    if arguments.until_decided is not None:
        return until_decided.run(arguments)
    with working_on(arguments.records):
        return _compare(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # heavy imports only when something is compared

    from dpbench.comparison.plan import plan
    from dpbench.comparison.reuse import KnownRecords
    from dpbench.comparison.selection import Selection, select
    from dpbench.leaderboard.frame import frame
    from dpbench.leaderboard.tables import print_table
    from dpbench.provenance import commit

    only_with(arguments, arguments.train, "--train or --suite", "--data-dir")
    if arguments.train:
        from dpbench.training.missing import train_missing

        train_missing(arguments.zoo, arguments.device, arguments.data_dir, say=_warn)
    selection = Selection(
        zoo=arguments.zoo,
        tasks=arguments.tasks,
        policies=arguments.policies,
        starts=arguments.starts,
        n_starts=arguments.episodes,
        sampler_seeds=arguments.sampler_seeds,
        device=arguments.device,
        real_time=arguments.real_time,
    )
    known = KnownRecords(arguments.records)
    failures: list[Failure] = []

    def on_failure(failure: Failure, _: DpbenchError) -> None:
        failures.append(failure)
        _warn(f"failed: {failure.reason}")

    cells = select(selection, on_failure)
    n_rows = len(cells) + len(failures)
    steps = plan(cells, known, commit()["id"] if arguments.fresh else None, arguments.retime)
    records = _records(steps, known, arguments.workers, on_failure)
    table = frame(records) if records else None
    if arguments.json:
        rows = json.loads(table.to_json(orient="records")) if table is not None else []
        print(json_text([*rows, *(failure.as_row() for failure in failures)]))
    elif table is not None:
        print_table(table, Console())
    if failures:
        which = ", ".join(failure.title for failure in failures)
        _warn(f"{len(failures)} of {n_rows} rows failed: {which}. The same command tries them again.")
    return 1 if failures else 0


def _records(steps: tuple[Step, ...], known: KnownRecords, n_workers: int, on_failure: OnFailure) -> list[Record]:
    """Carry the plan out, and say what is done; a row that fails is left out, or shown as it was before."""
    from tqdm import tqdm

    from dpbench.comparison.groups import with_other_seeds
    from dpbench.comparison.plan import Action

    records = []
    for step in steps:
        label = f"{step.cell.name} on {step.cell.task.id}"
        if step.missing:
            _warn(f"{label}: not run, {step.missing}")
        elif step.action is Action.SHOW and step.record is not None:
            _warn(f"{label}: record of {step.record.provenance.date_utc} reused")
        unknown = step.action in (Action.EVALUATE, Action.RUN_IN_REAL_TIME)
        n_episodes = len(step.cell.trials) if step.action is Action.RUN_IN_REAL_TIME else step.cell.n_episodes
        with tqdm(total=n_episodes, unit="episode", desc=printable(label), disable=not unknown) as bar:
            record, error = _record(step, known, n_workers, bar.update)
        if error is not None:
            on_failure(Failure(step.cell.name, step.cell.task.id, str(error)), error)
        records += [record] if record is not None else []
    joined = with_other_seeds(records, known.all())
    if len(joined) > len(records):
        _warn(f"{len(joined) - len(records)} records of other training seeds join the table.")
    return [known.completed(record) for record in joined]


def _record(
    step: Step, known: KnownRecords, n_workers: int, on_done: Callable[[int], object]
) -> tuple[Record | None, EvaluationError | None]:
    """The record to show for a step; what was known before, and why, where it fails."""
    from dpbench.comparison.plan import carry_out

    try:
        return carry_out(step, known, n_workers, on_done), None
    except EvaluationError as error:
        return step.record, error


def _warn(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)
