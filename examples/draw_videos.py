"""Draw the videos of the leaderboard's page: checkpoints of the zoo on the first start states of their tasks.

    pip install -c constraints.txt -e '.[robosuite]'
    python examples/draw_videos.py          # writes leaderboards/videos/*.webm, some minutes on two cores

Each video plays the first four episodes of the task's evaluation protocol side by side, faster than they happen;
nothing is picked. The frame turns green where an episode succeeds, and vermilion where it fails.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from dpbench.escaping import in_file_name
from dpbench.evaluation.rollout import Frames, parallel_rollout, trials
from dpbench.evaluation.video import grid
from dpbench.files.writing import new_file
from dpbench.metrics.episode import Episode
from dpbench.policies.opening import describe_policy, open_policy
from dpbench.tasks import load_task

ROOT = Path(__file__).parents[1]
CHECKPOINTS = (
    "PushTKeypoints-v0/diffusion-cnn", "PushTKeypoints-v0/act", "PushTKeypoints-v0/mlp-bc",
    "Avoid-v1/bet", "Avoid-v1/mlp-bc", "BlockPush-v1/bet", "Can-v0/bet", "CanAbs-v0/diffusion-cnn",
    "Lift-v0/mlp-bc", "SquareAbs-v0/diffusion-cnn", "RealArm-v0/diffusion-cnn", "RealArm-v0/mlp-bc",
)  # fmt: skip
"""Below `zoo/`."""
N_EPISODES, COLUMNS, TILE_PX = 4, 2, 144
FRAME_S, FPS, MAX_S = 0.25, 12, 9
"""Time of the task between two frames (three times as fast as it happens), frames a second, longest video."""
CRF = 42
"""Constant quality of VP9, 0 to 63; larger is smaller."""


def played(checkpoint: str, n_workers: int) -> tuple[Episode, ...]:
    """The first episodes of the task's protocol, with frames."""
    policy = describe_policy(str(ROOT / "zoo" / checkpoint))
    task = load_task(policy.task_id)
    starts = task.starts()
    return parallel_rollout(
        functools.partial(open_policy, policy),
        task.id,
        starts,
        trials(starts, N_EPISODES, (0,)),
        n_workers,
        Frames(TILE_PX, stride=max(1, round(FRAME_S * task.rate_hz))),
    )


def write_webm(frames: NDArray[np.uint8], path: Path) -> None:
    """Write a VP9 video of few bytes, `(F, H, W, 3)`; a longer one is played faster, its last frame stays a second."""
    height, width = (side // 2 * 2 for side in frames.shape[1:3])
    every = max(1, -(-len(frames) // (MAX_S * FPS)))
    shown = [*frames[::every], *frames[-1:].repeat(FPS, axis=0)]
    with new_file(path) as temporary:
        writer = imageio_ffmpeg.write_frames(
            str(temporary), (width, height), fps=FPS, codec="libvpx-vp9", pix_fmt_out="yuv420p", macro_block_size=2,
            output_params=["-f", "webm", "-crf", str(CRF), "-b:v", "0", "-row-mt", "1", "-an"],
        )  # fmt: skip
        writer.send(None)
        for frame in shown:
            writer.send(np.ascontiguousarray(frame[:height, :width]))
        writer.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Roll out, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", default=CHECKPOINTS, help="below zoo/")
    parser.add_argument("--out", type=Path, default=ROOT / "leaderboards" / "videos")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    for checkpoint in chosen.checkpoints:
        task, policy = checkpoint.split("/")
        path = chosen.out / f"{in_file_name(task)}--{in_file_name(policy)}.webm"
        write_webm(grid(played(checkpoint, chosen.workers), COLUMNS), path)
        print(f"{path}  {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
