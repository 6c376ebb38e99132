"""Draw the picture of each task that the pages of the leaderboard show: three moments of one scripted episode.

    pip install -c constraints.txt -e '.[robosuite]'
    python examples/draw_tasks.py                                   # every task of the leaderboard, about two minutes
    python examples/draw_tasks.py dpbench/Avoid-v1 --out pictures   # one task, into another folder

Each picture is written to `leaderboards/pictures/TASK.png`. The episode is the scripted policy's from the first start
of the task's evaluation protocol, so the same picture comes out every time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dpbench.evaluation.rollout import Frames, rollout, trials
from dpbench.files.writing import new_file
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task

TASKS = tuple(
    f"dpbench/{name}"
    for name in (
        *("PushTKeypoints-v0", "Avoid-v1", "Avoid-v0", "BlockPush-v1", "BlockPush-v0"),
        *("BlockPushAbs-v1", "BlockPushAbs-v0"),
        *("Lift-v0", "LiftAbs-v1", "LiftAbs-v0", "Can-v0", "CanAbs-v0", "Square-v0", "SquareAbs-v0"),
        *("RealArm-v0", "RealArmVelocity-v0"),
    )
)
MOMENTS = (0.0, 0.5, 1.0)
"""Shares of the episode, up to the step with the best score, at which it is shown."""
RENDERED_PX, PANEL_PX, GAP_PX = 512, 208, 2
GAP_GREY = 190
MARGIN = 0.08
"""Background kept around the scene, as a share of the rendered side."""
N_COLOURS = 96
"""A palette of this many colours: a third of the bytes, and no difference that one sees at this size."""


def scene(frames: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns of the smallest square that holds all that differs from the background in some frame.

    Args:
        frames: `(F, H, W, 3)`; the background is the colour of the first pixel.
    """
    height, width = frames.shape[1:3]
    different = (frames != frames[0, 0, 0]).any(axis=(0, 3))
    rows, columns = np.flatnonzero(different.any(axis=1)), np.flatnonzero(different.any(axis=0))
    side = min(height, max(np.ptp(rows), np.ptp(columns)) + 1 + int(2 * MARGIN * height))
    top = int(np.clip((rows[0] + rows[-1] - side) // 2, 0, height - side))
    left = int(np.clip((columns[0] + columns[-1] - side) // 2, 0, width - side))
    return slice(top, top + side), slice(left, left + side)


def task_picture(task_id: str, policy: str = "demonstrator") -> NDArray[np.uint8]:
    """Start, middle and best moment of one episode, side by side, each `(PANEL_PX, PANEL_PX)`, with lines between.

    Args:
        task_id: Gymnasium id.
        policy: whose episode is shown.
    """
    task = load_task(task_id)
    starts = task.starts()
    episode = rollout(
        open_policy(policy, task_id), task, starts, trials(starts, 1, (0,)), Frames(RENDERED_PX, stride=1)
    )[0]
    assert episode.frames is not None
    best = int(np.argmax(episode.scores)) + 1  # frame 0 is the start, so a step's outcome is the frame after it
    shown = episode.frames[[round(share * best) for share in MOMENTS]]
    gap = np.full((PANEL_PX, GAP_PX, 3), GAP_GREY, dtype=np.uint8)
    panels = [gap]
    for frame in shown[:, *scene(shown)]:
        panels += [cv2.resize(frame, (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_AREA), gap]
    bar = np.full((GAP_PX, len(MOMENTS) * (PANEL_PX + GAP_PX) + GAP_PX, 3), GAP_GREY, dtype=np.uint8)
    return np.vstack([bar, np.hstack(panels), bar]).astype(np.uint8)


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=TASKS, metavar="TASK", help="Gymnasium ids (default: all)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "leaderboards" / "pictures")
    arguments = parser.parse_args()
    for task_id in arguments.tasks:
        path = arguments.out / f"{task_id.rsplit('/', 1)[-1]}.png"
        save_with_palette(task_picture(task_id), path)
        print(f"{path}  {path.stat().st_size / 1024:.0f} KiB")


def save_with_palette(picture: NDArray[np.uint8], path: Path) -> None:
    """Write a PNG of at most N_COLOURS colours."""
    from PIL import Image  # comes with matplotlib

    drawn = Image.fromarray(picture).quantize(N_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    with new_file(path) as temporary:
        drawn.save(temporary, optimize=True)


if __name__ == "__main__":
    main()
