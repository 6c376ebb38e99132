"""All rollouts side by side as a video, and the last frame as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DpbenchError
from dpbench.files.writing import new_file, write_bytes
from dpbench.metrics.episode import Episode

SUCCESS = (0, 158, 115)
FAILURE = (213, 94, 0)
RUNNING = (200, 200, 200)
BORDER_PX = 3


def grid(episodes: Sequence[Episode], columns: int) -> NDArray[np.uint8]:
    """All episodes side by side, `(F, H, W, 3)`; a finished episode keeps its last frame.

    The border is grey while an episode runs, then green for success or vermilion for failure.

    Raises:
        DpbenchError: when the episodes were recorded without frames.
    """
    pictures = [episode.frames for episode in episodes if episode.frames is not None]
    if len(pictures) != len(episodes) or not pictures:
        raise DpbenchError("these episodes were recorded without frames; a video needs them.")
    n_frames, size = max(len(frames) for frames in pictures), pictures[0].shape[1]
    tile = size + 2 * BORDER_PX
    rows = -(-len(episodes) // columns)
    canvas = np.full((n_frames, rows * tile, columns * tile, 3), 255, dtype=np.uint8)
    for number, (episode, frames) in enumerate(zip(episodes, pictures, strict=True)):
        top, left = number // columns * tile, number % columns * tile
        colour = SUCCESS if episode.successes.any() else FAILURE
        for index in range(n_frames):
            running = index < len(frames) - 1
            canvas[index, top : top + tile, left : left + tile] = RUNNING if running else colour
            inner = slice(BORDER_PX, BORDER_PX + size)
            canvas[index, top : top + tile, left : left + tile][inner, inner] = frames[min(index, len(frames) - 1)]
    return canvas


def write_video(episodes: Sequence[Episode], path: Path, fps: float, columns: int = 10) -> None:
    """Write the grid as MP4 (or GIF, by the suffix) and its last frame beside it as PNG.

    Raises:
        DpbenchError: when the file cannot be written.
    """
    canvas = grid(episodes, columns)
    # H.264 wants even sides.
    even = canvas[:, : canvas.shape[1] // 2 * 2, : canvas.shape[2] // 2 * 2]
    try:
        if path.suffix == ".mp4":
            with new_file(path) as temporary:
                imageio.imwrite(temporary, even, plugin="FFMPEG", fps=fps, macro_block_size=2)
                _check_whole(temporary, len(even))
        else:
            write_bytes(path, imageio.imwrite("<bytes>", even, extension=path.suffix, duration=1000 / fps, loop=0))
        write_bytes(path.with_suffix(".png"), imageio.imwrite("<bytes>", even[-1], extension=".png"))
    except (OSError, ValueError) as error:
        raise DpbenchError(f"{path}: video not written ({error}); choose a writable .mp4 or .gif path.") from error


def _check_whole(path: Path, n_frames: int) -> None:
    """Check that a video has all of its frames: ffmpeg may end early, as on a full disk, and nobody is told.

    Raises:
        OSError: when it has not.
    """
    try:
        found, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    except RuntimeError:  # with all that ffmpeg has to say about itself
        found = 0
    if found != n_frames:
        raise OSError(f"{found} of {n_frames} frames are there; free some space")
