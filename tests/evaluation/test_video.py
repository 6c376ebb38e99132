"""Videos show every episode, and which ones succeeded."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from dpbench.errors import DpbenchError
from dpbench.evaluation import video
from dpbench.evaluation.video import SUCCESS, grid, write_video
from dpbench.metrics.episode import Episode, Trial


def episode(score: float, frames: int = 0) -> Episode:
    return Episode(
        trial=Trial(0, 0),
        actions=np.zeros((1, 2), np.float32),
        rewards=np.array([score]),
        scores=np.array([score]),
        successes=np.array([score > 0.95]),
        agent_pos=np.zeros((2, 2), np.float32),
        environment_state=None,
        modes=np.array([-1]),
        frames=np.full((frames, 16, 16, 3), 40, np.uint8) if frames else None,
    )


def test_a_grid_marks_success_when_an_episode_is_over(tmp_path: Path) -> None:
    episodes = [episode(0.96, frames=2), episode(0.2, frames=4)]
    canvas = grid(episodes, columns=2)
    assert canvas.shape == (4, 22, 44, 3)
    assert canvas[1, 0, 0].tolist() == list(SUCCESS)
    assert canvas[1, 0, 30].tolist() != list(SUCCESS)
    write_video(episodes, tmp_path / "grid.mp4", fps=10)
    capture = cv2.VideoCapture(str(tmp_path / "grid.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert (tmp_path / "grid.png").exists()


def test_a_video_that_ffmpeg_did_not_finish_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video([episode(0.2, frames=4)], tmp_path / "whole.mp4", fps=10)
    content = (tmp_path / "whole.mp4").read_bytes()
    for n_bytes in (0, len(content) // 2):
        monkeypatch.setattr(video.imageio, "imwrite", lambda path, *_, n=n_bytes, **__: path.write_bytes(content[:n]))
        with pytest.raises(DpbenchError, match=r"video not written \(0 of 4 frames are there"):
            write_video([episode(0.2, frames=4)], tmp_path / "cut.mp4", fps=10)
    assert {path.name for path in tmp_path.iterdir()} == {"whole.mp4", "whole.png"}


def test_a_video_needs_frames() -> None:
    with pytest.raises(DpbenchError, match="recorded without frames"):
        grid([episode(0.2)], columns=1)
