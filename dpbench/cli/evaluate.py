"""`dpbench evaluate`: one policy from fixed starts."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from dpbench.errors import ConfigError

EXAMPLE = """examples:
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --video rollouts.mp4
  dpbench evaluate zoo/PushTKeypoints-v0/diffusion-cnn --sampler ddim --steps 10 --sampler-seeds 0,1,2
  dpbench evaluate zoo/PushTKeypoints-v0/act --temporal-ensemble 0.01
  dpbench evaluate zoo/RealArm-v0/diffusion-cnn --latency-steps 3
  dpbench evaluate hold --task dpbench/PushT-v0 --episodes 10 --json
  dpbench evaluate sb3:model.zip --task dpbench/PushT-v0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "checkpoint", help="folder with a checkpoint.json, a scripted policy such as hold, or sb3:FILE.zip"
    )
    parser.add_argument("--task", help="Gymnasium id; a checkpoint knows its own")
    parser.add_argument("--episodes", type=int, help="number of starts (default: all of the protocol)")
    parser.add_argument("--starts", help="start protocol of the task (default: its first)")
    parser.add_argument(
        "--sampler-seeds", default="0", help="comma-separated; each start runs once with each (default 0)"
    )
    add_sampling_arguments(parser)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--video", type=Path, help="write a grid of the first sampler seed's rollouts, .mp4 or .gif")
    parser.add_argument("--json", action="store_true", help="print the whole record as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print."""
    from rich.console import Console  # heavy imports only when something is evaluated
    from tqdm import tqdm

    from dpbench.comparison.cells import Cell, resolve
    from dpbench.comparison.evaluate import evaluate
    from dpbench.evaluation.rollout import Frames
    from dpbench.evaluation.video import write_video
    from dpbench.leaderboard.frame import frame
    from dpbench.leaderboard.tables import print_one

    cell = resolve(
        Cell(
            policy=arguments.checkpoint,
            task_id=arguments.task,
            starts=arguments.starts,
            n_starts=arguments.episodes,
            sampler_seeds=sampler_seeds(arguments.sampler_seeds),
            options=sampling_options(arguments),
            device=arguments.device,
        )
    )
    with tqdm(total=len(cell.trials), unit="episode", desc=Path(arguments.checkpoint).name) as bar:
        done = evaluate(cell, arguments.workers, Frames() if arguments.video else None, bar.update)
    if arguments.video:
        first = [
            episode for episode in done.recorded.episodes if episode.trial.sampler_seed == cell.trials[0].sampler_seed
        ]
        write_video(first, arguments.video, fps=cell.task.rate_hz)
    if arguments.json:
        print(json.dumps(done.record.as_json(), indent=2))
        return 0
    print_one(frame([done.record]), Console())
    return 0


SHORTHANDS = ("sampler", "steps", "eta")
"""Options of methods that can be written without `--option`."""


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is chosen at inference time."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="how the method samples; repeatable (dpbench baselines show NAME lists its options)",
    )
    for key in SHORTHANDS:
        parser.add_argument(f"--{key}", metavar="VALUE", help=f"the same as --option {key}=VALUE")
    parser.add_argument(
        "--temporal-ensemble",
        metavar="DECAY",
        help="predict a chunk at every step and average the overlapping ones (Zhao et al. 2023: 0.01)",
    )
    parser.add_argument(
        "--latency-steps", metavar="N", help="act on observations N control steps old; N actions of each chunk are lost"
    )


def sampling_options(arguments: argparse.Namespace) -> dict[str, str]:
    """The inference-time choices of a command line.

    Raises:
        ConfigError: for an --option that is not KEY=VALUE.
    """
    named = (*SHORTHANDS, "temporal_ensemble", "latency_steps")
    options = {key: value for key in named if (value := getattr(arguments, key)) is not None}
    return {**options, **key_values(arguments.option)}


def key_values(texts: Sequence[str]) -> dict[str, str]:
    """`["key=value"]` as a mapping.

    Raises:
        ConfigError: for a text without an equals sign.
    """
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--option {text!r}: expected KEY=VALUE, such as temperature=1.")
        options[key] = value
    return options


def sampler_seeds(text: str) -> tuple[int, ...]:
    """`"0,1,2"` as numbers.

    Raises:
        ConfigError: for anything else.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--sampler-seeds {text!r}: expected whole numbers with commas between, such as 0,1,2.")
    return tuple(int(part) for part in parts)
