"""`dpbench demos record`: play a task by hand and keep the episodes."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

from dpbench.errors import UnknownNameError

EXAMPLE = """example:
  dpbench demos record pusht

Move the mouse onto the blue finger to take hold of it. The episode is saved when the task is solved, or with S;
R starts it again, Q quits. Needs: pip install 'dpbench[human]'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    recording = actions.add_parser(
        "record", help="play by hand", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    recording.add_argument("task", help="Gymnasium id, or the name of a data set, such as pusht")
    recording.add_argument("--seed", type=int, default=0, help="start state of the first episode (default 0)")
    recording.add_argument("--out", type=Path, help="store (default DATA_ROOT/NAME-recorded.zarr)")
    recording.add_argument("--data-dir", help="data root (default $DPBENCH_DATA, else ./data)")


def run(arguments: argparse.Namespace) -> int:
    """Open the window and record."""
    import gymnasium as gym  # heavy imports only when something is recorded

    from dpbench.data.episodes import data_root
    from dpbench.data.recording import record
    from dpbench.tasks import load_task

    task = load_task(task_id(arguments.task))
    name = task.dataset.name if task.dataset is not None else task.id.rsplit("/", 1)[-1]
    path = arguments.out or data_root(arguments.data_dir) / f"{name}-recorded.zarr"
    # No time limit: a person may take longer than a policy.
    env = gym.make(task.id, render_mode="human", max_episode_steps=-1)
    try:
        done = record(env, task, path, arguments.seed, print)
    finally:
        env.close()
    print(f"{done.saved} saved, {done.discarded} discarded: {path}")
    return 0


def task_id(name: str) -> str:
    """A Gymnasium id from an id or from the name of a data set (the first task that has it).

    Raises:
        UnknownNameError: with the nearest known names.
    """
    from dpbench.registry import registry
    from dpbench.tasks import load_task

    tasks = registry("task")
    if name in tasks.names():
        return name
    datasets: dict[str, str] = {}
    for known in tasks.names():
        dataset = load_task(known).dataset
        if dataset is not None:
            datasets.setdefault(dataset.name, known)
    if name in datasets:
        return datasets[name]
    names = [*datasets, *tasks.names()]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise UnknownNameError(f"unknown task or data set {name!r}; did you mean {' or '.join(near)}?")
