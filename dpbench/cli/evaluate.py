"""`dpbench evaluate`: one policy from fixed start states."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from dpbench.cli import kinds
from dpbench.cli.arguments import TASK, add_evaluation_arguments, add_sampling_arguments, sampling_options
from dpbench.cli.gate import add_gate_arguments, gate_of
from dpbench.cli.json_output import json_text
from dpbench.escaping import printable
from dpbench.files.locks import working_on
from dpbench.starts import SELECTION

NOT_REPORTED = "these start states are for choosing a checkpoint; report its results from others."
EXAMPLE = """examples:
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --video rollouts.mp4
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --sampler ddim --steps 10 --sampler-seeds 0,1,2
  dpbench evaluate zoo/PushTKeypoints-v0/act --temporal-ensemble 0.01
  dpbench evaluate zoo/RealArm-v0/diffusion-cnn --latency-steps 3
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --real-time --json
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --latencies-from record.json
  dpbench evaluate hold --task PushT-v0 --episodes 10 --json
  dpbench evaluate sb3:model.zip --task PushT-v0
  dpbench evaluate zoo/PushTKeypoints-v0/mlp-bc --fail-below success=0.5 --against earlier.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "policy",
        type=kinds.path_or_name,
        help="folder with a checkpoint.json, a scripted policy such as hold, or sb3:FILE.zip",
    )
    parser.add_argument("--task", type=kinds.name, help=f"{TASK} (default: the checkpoint's own)")
    parser.add_argument("--starts", type=kinds.name, help="list of start states of the task (default: its first)")
    add_evaluation_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument(
        "--real-time",
        action="store_true",
        help="run the same trials again with the policy's measured latency in the loop: the simulation goes on while "
        "the policy thinks",
    )
    parser.add_argument(
        "--latencies-from",
        type=kinds.path,
        metavar="RECORD",
        help="the same with the call times of a record, as --real-time --json prints it, and so with its result",
    )
    parser.add_argument(
        "--video",
        type=kinds.new_file(".mp4", ".gif"),
        help="write a grid of the first sampler seed's rollouts, .mp4 or .gif; of those in real time, where there are",
    )
    add_gate_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the whole record as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    with working_on(arguments.video) if arguments.video else nullcontext():
        return _evaluate(arguments)


def _evaluate(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # heavy imports only when something is evaluated
    from tqdm import tqdm

    from dpbench.comparison.cells import Cell, resolve
    from dpbench.comparison.evaluate import evaluate
    from dpbench.comparison.real_time import latency_of
    from dpbench.evaluation.rollout import Frames
    from dpbench.evaluation.video import write_video
    from dpbench.leaderboard.frame import frame
    from dpbench.leaderboard.tables import print_one
    from dpbench.records.reading import read

    given = arguments.latencies_from
    timed = latency_of(read(given), str(given)) if given else None
    cell = resolve(
        Cell(
            policy=arguments.policy,
            task_id=arguments.task,
            starts=arguments.starts,
            n_starts=arguments.episodes,
            sampler_seeds=arguments.sampler_seeds,
            options=sampling_options(arguments),
            device=arguments.device,
            real_time=arguments.real_time or timed is not None,
        )
    )
    judge = gate_of(arguments, cell)
    if cell.starts.name == SELECTION:
        print(f"note: {NOT_REPORTED}", file=sys.stderr)
    with tqdm(total=cell.n_episodes, unit="episode", desc=printable(Path(arguments.policy).name)) as bar:
        done = evaluate(cell, arguments.workers, Frames() if arguments.video else None, bar.update, timed)
    if arguments.video:
        first = [
            episode for episode in done.shown.episodes if episode.trial.sampler_seed == cell.trials[0].sampler_seed
        ]
        write_video(first, arguments.video, fps=cell.task.rate_hz)
    if arguments.json:
        print(json_text(done.record.as_json()))
    else:
        print_one(frame([done.record]), Console())
    return judge(done.record)
