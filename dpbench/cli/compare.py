"""`dpbench compare`: every checkpoint of the zoo on its task, one table."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.errors import ConfigError

if TYPE_CHECKING:
    from dpbench.comparison.cells import Cell
    from dpbench.records.record import Record

EXAMPLE = """examples:
  dpbench compare                        what has a record is reused, the rest is evaluated
  dpbench compare --fresh                evaluate everything with the code as checked out
  dpbench compare --retime               known episodes, latency measured here and now
  dpbench compare --policies diffusion-cnn,hold --sampler-seeds 0 --json
  dpbench compare --tasks dpbench/PushTKeypoints-v0 --starts symmetric --output leaderboards/symmetric
  dpbench compare --train                first train what zoo/zoo.json lists and the zoo lacks (needs the data)

Killed at any moment, the same command goes on: finished evaluations are kept as records.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("--zoo", type=Path, default=Path("zoo"), help="folder with checkpoints (default zoo)")
    parser.add_argument("--records", type=Path, default=Path("leaderboards/records"), help="folder of the records")
    parser.add_argument(
        "--output", type=Path, default=Path("leaderboards"), help="folder of the table, figure and page"
    )
    parser.add_argument("--tasks", help="comma-separated ids (default: all that the zoo has)")
    parser.add_argument("--policies", help="comma-separated names (default: all)")
    parser.add_argument("--starts", help="start protocol (default: the first of each task)")
    parser.add_argument("--episodes", type=int, help="number of starts (default: all of the protocol)")
    parser.add_argument("--sampler-seeds", default="0", help="each start runs once with each (default 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--fresh", action="store_true", help="reuse only records made at the checked-out commit")
    parser.add_argument(
        "--retime", action="store_true", help="measure latency on this machine now, keep the episodes of known records"
    )
    parser.add_argument("--train", action="store_true", help="first train what the zoo lacks")
    parser.add_argument("--data-dir", help="data root for --train (default $DPBENCH_DATA, else ./data)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate what is missing, then print and write the table."""
    from rich.console import Console  # heavy imports only when something is compared

    from dpbench.leaderboard.page import render
    from dpbench.leaderboard.tables import print_table

    if arguments.train:
        train_missing(arguments.zoo, arguments.device, arguments.data_dir)
    records = collect(arguments)
    table = render(records, arguments.output)
    if arguments.json:
        print(table.to_json(orient="records", indent=2))
        return 0
    print_table(table, Console())
    print(f"written: table.md, table.csv, table.png and README.md in {arguments.output}")
    return 0


def cells(arguments: argparse.Namespace) -> tuple[Cell, ...]:
    """Every checkpoint of the zoo, and the scripted policies on the same tasks.

    Raises:
        ConfigError: when nothing is left to compare.
    """
    from dpbench.cli.evaluate import sampler_seeds
    from dpbench.comparison.cells import Cell
    from dpbench.policies.baseline import ScriptedPolicy
    from dpbench.policies.checkpoint import read_description
    from dpbench.registry import registry
    from dpbench.tasks import load_task
    from dpbench.training.zoo import checkpoints

    seeds = sampler_seeds(arguments.sampler_seeds)
    found: list[tuple[str, Cell]] = []
    for folder in checkpoints(arguments.zoo):
        description = read_description(folder)
        cell = Cell(str(folder), description["task"], arguments.starts, arguments.episodes, seeds, {}, arguments.device)
        found.append((str(description["baseline"]), cell))
    loaded, problems = registry("baseline").load_all()
    for problem in problems:
        print(f"not loaded: {problem}", file=sys.stderr)
    for task_id in sorted({str(cell.task_id) for _, cell in found}):
        for name, policy in loaded.items():
            if isinstance(policy, ScriptedPolicy) and policy.fits(load_task(task_id)):
                found.append((name, Cell(name, task_id, arguments.starts, arguments.episodes, seeds)))
    tasks = _wanted(arguments.tasks, [str(cell.task_id) for _, cell in found], "--tasks")
    policies = _wanted(arguments.policies, [name for name, _ in found], "--policies")
    chosen = tuple(cell for name, cell in found if cell.task_id in tasks and name in policies)
    if not chosen:
        raise ConfigError(f"nothing to compare: {arguments.zoo} holds no checkpoint; train one, or run --train.")
    return chosen


def collect(arguments: argparse.Namespace) -> list[Record]:
    """One record a cell: reused, or evaluated now and added to the records."""
    from tqdm import tqdm

    from dpbench.comparison.cells import resolve
    from dpbench.comparison.evaluate import evaluate, time_policy
    from dpbench.comparison.new_record import provenance_of
    from dpbench.provenance import commit
    from dpbench.records import store
    from dpbench.records.completion import completed

    known = store.read_all(arguments.records)
    at = commit()["id"] if arguments.fresh else None
    records: list[Record] = []
    for cell in [resolve(each) for each in cells(arguments)]:
        label = f"{cell.name} on {cell.task.id}"
        missing = missing_extra(cell.task.id)
        # What cannot run here is shown as it was measured elsewhere, if it was.
        record = store.newest(known, cell.identity, None if missing else at)
        if missing:
            tqdm.write(f"{label}: not run, {missing}", file=sys.stderr)
            records += [record] if record is not None else []
            continue
        if record is not None and arguments.retime:
            record = record.with_latency(time_policy(cell), provenance_of(cell))
            store.add(arguments.records, record)
        elif record is not None:
            tqdm.write(f"{label}: record of {record.provenance.date_utc} reused", file=sys.stderr)
        if record is not None:
            records.append(record)
            continue
        with tqdm(total=len(cell.trials), unit="episode", desc=label) as bar:
            done = evaluate(cell, arguments.workers, on_done=bar.update)
        records.append(store.add(arguments.records, done.record, done.recorded))
    return [completed(record, arguments.records) for record in with_other_seeds(records, known)]


def missing_extra(task_id: str) -> str | None:
    """What a task needs that is not installed, None when it can run."""
    from dpbench.errors import MissingExtraError
    from dpbench.registry import registry, resolve

    try:
        resolve(registry("task").entry(task_id).target.env)
    except MissingExtraError as error:
        return str(error)
    return None


def with_other_seeds(records: Sequence[Record], known: Sequence[Record]) -> list[Record]:
    """Add what the records know of other training seeds, whose checkpoints need not be in the zoo."""
    from dpbench.comparison.groups import training_seed, without_seed

    compared = {(without_seed(record), training_seed(record)) for record in records}
    wanted = {key for key, _ in compared}
    others = {
        (without_seed(record), training_seed(record)): record
        for record in known
        if without_seed(record) in wanted and (without_seed(record), training_seed(record)) not in compared
    }
    if others:
        print(f"{len(others)} records of other training seeds join the table.", file=sys.stderr)
    return [*records, *others.values()]


def train_missing(zoo: Path, device: str, data_dir: str | None) -> None:
    """Train what the manifest lists and the zoo lacks; an interrupted run goes on."""
    from dpbench.policies.checkpoint import CHECKPOINT_JSON
    from dpbench.training.run import execute, make_run
    from dpbench.training.trainer import Execution
    from dpbench.training.zoo import export, manifest

    for entry in manifest(zoo):
        if (zoo / entry.name / CHECKPOINT_JSON).exists():
            continue
        run_folder = Path("runs/zoo") / entry.name
        wanted = make_run(entry.baseline, entry.task, entry.preset, entry.seed, run_folder, entry.overrides, data_dir)
        execute(wanted, Execution(device=device, bf16=entry.bf16, compile=entry.compile))
        export(run_folder, zoo / entry.name)


def _wanted(text: str | None, known: Sequence[str], option: str) -> set[str]:
    names = set(known) if text is None else {name.strip() for name in text.split(",")}
    if unknown := sorted(names - set(known)):
        raise ConfigError(
            f"{option}: {', '.join(unknown)} is not in the zoo; known are {', '.join(sorted(set(known)))}."
        )
    return names
