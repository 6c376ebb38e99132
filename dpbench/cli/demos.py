"""`dpbench demos`: record demonstrations with the mouse, or generate them with a task's scripted demonstrator."""

from __future__ import annotations

import argparse

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_workers_argument, not_both

EXAMPLE = """examples:
  dpbench demos record pusht
  dpbench demos generate Avoid-v1 --episodes 200

record: touch the blue finger with the mouse, and it follows the mouse. The episode is saved when the task is solved,
or when you press S; R discards it and starts it again; Q quits. Needs: pip install 'dpbench[human]'.

generate: stores the episodes in which the demonstrator succeeds. It can be killed at any moment; the same command
resumes it, and the store is the same as without the interruption.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    recording = actions.add_parser(
        "record",
        help="record your own demonstrations with the mouse",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    recording.add_argument("task", type=kinds.name, help=TASK)
    recording.add_argument("--seed", type=kinds.seed, default=0, help="start seed of the first episode (default 0)")
    recording.add_argument(
        "--out", type=kinds.new_folder, help="store to create or extend (default DATA_ROOT/NAME-recorded.zarr)"
    )
    generating = actions.add_parser(
        "generate", help="generate demonstrations with the scripted demonstrator", epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    generating.add_argument("task", type=kinds.name, help=f"one with a scripted demonstrator, {TASK}")
    generating.add_argument(
        "--episodes", type=kinds.count, default=200, help="episodes in the store at the end (default 200)"
    )
    add_workers_argument(generating)
    generating.add_argument(
        "--out", type=kinds.new_folder, help="store to create or extend (default DATA_ROOT/NAME.zarr)"
    )
    for parser_of in (recording, generating):
        parser_of.add_argument(
            "--data-dir",
            type=kinds.data_dir,
            help="data root: folder of all stores (default $DPBENCH_DATA, else ./data)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Record or generate."""
    not_both(arguments, "--out", "--data-dir")
    return _generate(arguments) if arguments.action == "generate" else _record(arguments)


def _generate(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm  # heavy imports only when something is generated

    from dpbench.data.episodes import store_name
    from dpbench.data.public import own_dataset
    from dpbench.data.root import data_root
    from dpbench.demonstrations.generation import generate
    from dpbench.tasks import load_task

    task = load_task(arguments.task)
    # The name without a suffix is that of the published data set.
    name = store_name(task) + ("-generated" if own_dataset(task) is not None else "")
    path = arguments.out or data_root(arguments.data_dir) / f"{name}.zarr"
    with tqdm(total=arguments.episodes, unit="episode", desc=task.id, delay=0.5) as bar:
        store = generate(task, path, arguments.episodes, arguments.workers, bar.update)
    print(f"{store.n_episodes} episodes, {store.n_steps} steps: {path}")
    return 0


def _record(arguments: argparse.Namespace) -> int:
    import gymnasium as gym  # heavy imports only when something is recorded

    from dpbench.data.episodes import store_name
    from dpbench.data.root import data_root
    from dpbench.demonstrations.recording import record
    from dpbench.tasks import load_task

    task = load_task(arguments.task)
    path = arguments.out or data_root(arguments.data_dir) / f"{store_name(task)}-recorded.zarr"
    # No time limit: a person may take longer than a policy.
    env = gym.make(task.id, render_mode="human", max_episode_steps=-1)
    try:
        done = record(env, task, path, arguments.seed, print)
    finally:
        env.close()
    print(f"{done.saved} saved, {done.discarded} discarded: {path}")
    return 0
