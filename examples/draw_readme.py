"""Draw the moving picture of README: three policies on four tasks, trained on the same demonstrations.

    pip install -c constraints.txt -e '.[robosuite]'
    python examples/draw_readme.py          # writes docs/pictures/policies.gif, about five minutes on two cores

Each tile plays the first episodes of the task's evaluation protocol, one after the other, until the clip ends; nothing
is picked. A dot below the tile stands for an episode that is over: green for success, vermilion for failure.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from draw_tasks import scene
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dpbench.evaluation.rollout import Frames, parallel_rollout, trials
from dpbench.evaluation.video import FAILURE, SUCCESS
from dpbench.files.writing import new_file
from dpbench.metrics.episode import Episode
from dpbench.policies.opening import describe_policy, open_policy
from dpbench.tasks import load_task

ROOT = Path(__file__).parents[1]
FRAME_S, FPS, N_FRAMES = 0.3, 12.5, 150
"""Time of the task between two frames (3.75 times as fast as it happens), frames a second, and their number: 12 s."""
TILE_PX, HEAD_PX, FOOT_PX, SIDE_PX, GAP_PX = 190, 22, 16, 104, 6
HOLD = 4
"""Frames for which the end of an episode stays."""
INK, PAPER, LINE = (40, 40, 40), (255, 255, 255), (190, 190, 190)


@dataclass(frozen=True)
class Column:
    """One task.

    Attributes:
        title: printed above.
        checkpoints: below `zoo/`, one a row.
        n_starts: episodes that fill the clip.
    """

    title: str
    checkpoints: tuple[str, ...]
    n_starts: int


ROWS = ("diffusion-cnn", "bet", "mlp-bc")
COLUMNS = (
    Column("Push-T", tuple(f"PushTKeypoints-v0/{name}" for name in ROWS), 3),
    Column("Avoid", tuple(f"Avoid-v0/{name}" for name in ROWS), 12),
    Column("Can", ("CanAbs-v0/diffusion-cnn", "Can-v0/bet", "Can-v0/mlp-bc"), 5),
    Column("real arm (digital twin)", tuple(f"RealArm-v0/{name}" for name in ROWS), 9),
)


@dataclass(frozen=True)
class Tile:
    """What one tile shows in each frame: pictures `(N_FRAMES, S, S, 3)`, and how the episodes over by then ended."""

    pictures: NDArray[np.uint8]
    ended: tuple[tuple[bool, ...], ...]


def played(checkpoint: str, n_starts: int, n_workers: int) -> tuple[Episode, ...]:
    """The first episodes of the task's protocol, with frames."""
    policy = describe_policy(str(ROOT / "zoo" / checkpoint))
    task = load_task(policy.task_id)
    starts = task.starts()
    return parallel_rollout(
        functools.partial(open_policy, policy),
        task.id,
        starts,
        trials(starts, n_starts, (0,)),
        n_workers,
        Frames(2 * TILE_PX, stride=round(FRAME_S * task.rate_hz)),
    )


def tile(episodes: Sequence[Episode], crop: tuple[slice, slice]) -> Tile:
    """Episodes one after the other, cut to the square `crop`, for N_FRAMES frames."""
    pictures: list[NDArray[np.uint8]] = []
    ended: list[tuple[bool, ...]] = []
    results: tuple[bool, ...] = ()
    for episode in episodes:
        assert episode.frames is not None
        success = bool(episode.successes.any())
        small = [cv2.resize(f[crop], (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA) for f in episode.frames]
        pictures += [*small, *small[-1:] * HOLD]
        ended += [results] * (len(small) - 1) + [(*results, success)] * (HOLD + 1)
        results = (*results, success)
    missing = N_FRAMES - len(pictures)
    pictures += pictures[-1:] * missing
    ended += ended[-1:] * missing
    return Tile(np.stack(pictures[:N_FRAMES]).astype(np.uint8), tuple(ended[:N_FRAMES]))


def column(of: Column, n_workers: int) -> tuple[Tile, ...]:
    """The tiles of one task, all cut alike."""
    rows = [played(checkpoint, of.n_starts, n_workers) for checkpoint in of.checkpoints]
    every = np.concatenate([episode.frames for episodes in rows for episode in episodes if episode.frames is not None])
    crop = scene(every)
    return tuple(tile(episodes, crop) for episodes in rows)


def frame(columns: Sequence[tuple[Tile, ...]], index: int) -> Image.Image:
    """One picture of the clip: titles above, names at the left, a tile and its dots in each place."""
    font = _font(13)
    width = SIDE_PX + len(COLUMNS) * (TILE_PX + GAP_PX)
    canvas = Image.new("RGB", (width, HEAD_PX + len(ROWS) * (TILE_PX + FOOT_PX)), PAPER)
    draw = ImageDraw.Draw(canvas)
    for row, name in enumerate(ROWS):
        draw.text((4, HEAD_PX + row * (TILE_PX + FOOT_PX) + TILE_PX // 2), name, INK, font, anchor="lm")
    for number, (of, tiles) in enumerate(zip(COLUMNS, columns, strict=True)):
        left = SIDE_PX + number * (TILE_PX + GAP_PX)
        draw.text((left + TILE_PX // 2, HEAD_PX // 2), of.title, INK, font, anchor="mm")
        for row, shown in enumerate(tiles):
            top = HEAD_PX + row * (TILE_PX + FOOT_PX)
            canvas.paste(Image.fromarray(shown.pictures[index]), (left, top))
            draw.rectangle((left, top, left + TILE_PX - 1, top + TILE_PX - 1), outline=LINE)
            for place, success in enumerate(shown.ended[index]):
                x, y = left + 5 + 11 * place, top + TILE_PX + FOOT_PX // 2
                draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=SUCCESS if success else FAILURE)
    return canvas


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib.font_manager import findfont  # its own copy of DejaVu Sans

    return ImageFont.truetype(findfont("DejaVu Sans"), size)


def write_gif(frames: Sequence[Image.Image], path: Path, n_colours: int) -> None:
    """Write an endless GIF of few bytes: one palette, no dithering, and nothing for the pixels that stay as they are.

    Args:
        frames: pictures of one size.
        path: file to write.
        n_colours: of the palette, at most 255; one more index stands for "as before".
    """
    n_samples = 6
    sample = Image.new("RGB", (frames[0].width, n_samples * frames[0].height))
    for place in range(n_samples):
        sample.paste(frames[place * (len(frames) - 1) // (n_samples - 1)], (0, place * frames[0].height))
    palette = sample.quantize(n_colours, method=Image.Quantize.MAXCOVERAGE)
    indexed = [np.asarray(picture.quantize(palette=palette, dither=Image.Dither.NONE)) for picture in frames]
    changes = [
        indexed[0],
        *(np.where(before == now, n_colours, now) for before, now in itertools.pairwise(indexed)),
    ]
    pictures = [Image.fromarray(change.astype(np.uint8)) for change in changes]
    for picture in pictures:
        picture.putpalette(palette.getpalette()[: 3 * n_colours] + [0] * 3 * (256 - n_colours))
    with new_file(path) as temporary:
        pictures[0].save(
            temporary,
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / FPS),
            loop=0,
            disposal=1,  # a frame is drawn over the one before
            transparency=n_colours,
            optimize=False,
        )


def main() -> None:
    """Roll out, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "policies.gif")
    parser.add_argument("--colours", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    columns = [column(of, arguments.workers) for of in COLUMNS]
    write_gif([frame(columns, index) for index in range(N_FRAMES)], arguments.out, arguments.colours)
    print(f"{arguments.out}  {arguments.out.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
