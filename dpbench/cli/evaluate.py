"""`dpbench evaluate`: one policy from fixed starts."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from dpbench.errors import ConfigError

EXAMPLE = """examples:
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --video rollouts.mp4
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --sampler ddim --steps 10 --sampler-seeds 0,1,2
  dpbench evaluate hold --task dpbench/PushT-v0 --episodes 10 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("checkpoint", help="folder with a checkpoint.json, or a floor policy: random, hold")
    parser.add_argument("--task", help="Gymnasium id; a checkpoint knows its own")
    parser.add_argument("--episodes", type=int, help="number of starts (default: all of the protocol, 50 for Push-T)")
    parser.add_argument("--starts", help="start protocol of the task (default: its first)")
    parser.add_argument(
        "--sampler-seeds", default="0", help="comma-separated; each start runs once with each (default 0)"
    )
    parser.add_argument("--sampler", help="sampler of a diffusion policy, such as ddpm or ddim")
    parser.add_argument("--steps", help="denoising steps of a diffusion policy")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--video", type=Path, help="write a grid of the first sampler seed's rollouts, .mp4 or .gif")
    parser.add_argument("--json", action="store_true", help="print the whole record as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    from rich.console import Console  # heavy imports only when something is evaluated
    from tqdm import tqdm

    from dpbench.comparison.cells import Cell, evaluate
    from dpbench.comparison.table import frame, print_one
    from dpbench.evaluation.rollout import Frames
    from dpbench.evaluation.video import write_video
    from dpbench.tasks import load_task
    from dpbench.training.inference import open_policy

    sampling = {key: value for key in ("sampler", "steps") if (value := getattr(arguments, key)) is not None}
    task_id = open_policy(arguments.checkpoint, arguments.task, sampling=sampling).task_id
    cell = Cell(
        source=arguments.checkpoint,
        task_id=task_id,
        starts=arguments.starts,
        n_starts=arguments.episodes,
        sampler_seeds=sampler_seeds(arguments.sampler_seeds),
        sampling=sampling,
        device=arguments.device,
    )
    n_episodes = len(cell.protocol().seeds(cell.n_starts)) * len(cell.sampler_seeds)
    with tqdm(total=n_episodes, unit="episode", desc=Path(arguments.checkpoint).name) as bar:
        done = evaluate(cell, arguments.workers, Frames() if arguments.video else None, bar.update)
    if arguments.video:
        first = [episode for episode in done.episodes if episode.trial.sampler_seed == cell.sampler_seeds[0]]
        write_video(first, arguments.video, fps=load_task(task_id).rate_hz)
    if arguments.json:
        print(json.dumps(done.record, indent=2))
        return 0
    print_one(frame([done.record]), Console())
    return 0


def sampler_seeds(text: str) -> tuple[int, ...]:
    """`"0,1,2"` as numbers.

    Raises:
        ConfigError: for anything else.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--sampler-seeds {text!r}: expected whole numbers with commas between, such as 0,1,2.")
    return tuple(int(part) for part in parts)
