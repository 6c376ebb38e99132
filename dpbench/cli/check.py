"""`dpbench check`: conformance checks of tasks, baselines and data sets, ours and those of other packages."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_set_argument

if TYPE_CHECKING:
    from dpbench.findings import Finding

EXAMPLE = """examples:
  dpbench check task PushT-v0 my_package/MyTask-v0
  dpbench check baseline my-policy --set width=64 --steps 500
  dpbench check dataset PushT-v0                           the task's own demonstrations
  dpbench check dataset Avoid-v1 --store runs/demos.zarr --replay 3
  dpbench check floors Avoid-v1                            the cheapest policies and the task's own script

Each check prints what it found and what to do. The exit status is 1 if one failed. In a test of your package:
  from dpbench.checks import check_task, raise_on_failure
An arm, its driver and its cameras: dpbench arm check
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    subjects = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    task = subjects.add_parser("task", help="does an environment do what its TaskSpec says?")
    task.add_argument("names", nargs="+", type=kinds.name, metavar="TASK", help=TASK)
    baseline = subjects.add_parser("baseline", help="does a method keep to what training and evaluation rely on?")
    baseline.add_argument("names", nargs="+", type=kinds.name, metavar="BASELINE", help="name in `dpbench baselines`")
    baseline.add_argument("--preset", type=kinds.name, default="small", help="configuration to check (default small)")
    add_set_argument(baseline)
    baseline.add_argument(
        "--steps",
        type=kinds.count_or_none,
        default=1000,
        help="gradient steps to learn 5 windows; 0 skips it (default 1000)",
    )
    dataset = subjects.add_parser("dataset", help="are stored demonstrations those of a task?")
    dataset.add_argument(
        "names", nargs="+", type=kinds.name, metavar="TASK", help="task that the demonstrations are for"
    )
    dataset.add_argument(
        "--store", type=kinds.path_or_name, help="store, by path or name (default: the task's own demonstrations)"
    )
    dataset.add_argument(
        "--replay", type=kinds.count_or_none, default=0, metavar="N", help="also replay the actions of N episodes"
    )
    dataset.add_argument("--data-dir", type=kinds.data_dir, help="data root (default $DPBENCH_DATA, else ./data)")
    _add_floors(subjects.add_parser("floors", help="what do policies reach that know nothing, and the task's script?"))
    for kind in (task, baseline, dataset):
        kind.add_argument("--json", action="store_true", help="print JSON")


def _add_floors(floors: argparse.ArgumentParser) -> None:
    floors.add_argument("names", nargs="+", type=kinds.name, metavar="TASK", help=TASK)
    floors.add_argument("--starts", type=kinds.count, default=50, help="start states (default 50)")
    floors.add_argument(
        "--screen",
        type=kinds.count,
        default=10,
        metavar="N",
        help="held actions are tried from N starts, and those that succeed once from all (default 10)",
    )
    floors.add_argument(
        "--file",
        type=kinds.new_file(".json"),
        default=Path("runs/floors.json"),
        help="where results are kept, after each kind of policies; what it holds is not measured again "
        "(default runs/floors.json)",
    )
    floors.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check and print."""
    from rich.console import Console  # slow imports only when something is checked

    from dpbench.cli.findings import print_findings, print_json

    check = {"task": _task, "baseline": _baseline, "dataset": _dataset, "floors": _floors}[arguments.kind]
    checked = [(name, check(name, arguments)) for name in arguments.names]
    if arguments.json:
        return print_json(checked)
    console = Console()
    return max(print_findings(findings, name, console) for name, findings in checked)


def _task(name: str, _: argparse.Namespace) -> Sequence[Finding]:
    from dpbench.checks import check_task
    from dpbench.cli.train import NOT_THEIRS
    from dpbench.errors import TaskError
    from dpbench.plugins.importing import printing_kept
    from dpbench.registry import note, registry
    from dpbench.tasks import find_task, load_task

    with printing_kept(name, note), registry("task").blamed(find_task(name), *NOT_THEIRS):
        try:
            return check_task(load_task(name))
        except TaskError:  # what is wrong in the TaskSpec is a finding like the others
            return check_task(find_task(name))


def _floors(name: str, arguments: argparse.Namespace) -> Sequence[Finding]:
    from tqdm import tqdm

    from dpbench.checks import check_floors
    from dpbench.tasks import load_task

    task = load_task(name)
    with tqdm(unit="episode", desc=task.id, disable=arguments.json) as bar:
        return check_floors(task, arguments.file, arguments.starts, arguments.screen, bar.update)


def _baseline(name: str, arguments: argparse.Namespace) -> Sequence[Finding]:
    from dpbench.checks import check_baseline
    from dpbench.cli.train import NOT_THEIRS, field_values
    from dpbench.errors import ConfigError
    from dpbench.plugins.importing import printing_kept
    from dpbench.policies.baseline import Baseline
    from dpbench.registry import note, registry
    from dpbench.training.run import with_overrides

    baseline = registry("baseline").load(name)
    if not isinstance(baseline, Baseline):
        raise ConfigError(f"{name} is not trained; name a method that `dpbench train` takes.")
    with printing_kept(name, note), registry("baseline").blamed(name, *NOT_THEIRS):
        preset = with_overrides(baseline.preset(arguments.preset), field_values(arguments.set))
        return check_baseline(baseline, preset.config, arguments.steps)


def _dataset(name: str, arguments: argparse.Namespace) -> Sequence[Finding]:
    from dpbench.checks import check_dataset
    from dpbench.data.episodes import open_store, open_task_data
    from dpbench.tasks import load_task

    task = load_task(name)
    if arguments.store is not None:
        store = open_store(arguments.store, arguments.data_dir)
    else:
        store = open_task_data(task, arguments.data_dir)
    return check_dataset(store, task, arguments.replay)
