"""`dpbench chunks`: what policies would do from one state, drawn side by side."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from dpbench.cli import main
from dpbench.comparison.chunks import panel, scene
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task


def test_chunks_draws_a_panel_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "chunks.png"
    arguments = [
        "--task",
        "dpbench/BlockPush-v0",
        "--chunks",
        "5",
        "--paths",
        "2",
        "--steps",
        "20",
        "--output",
        str(path),
    ]
    assert main(["chunks", "demonstrator", "hold", *arguments]) == 0
    picture = imageio.imread(path)
    assert picture.shape[1] > 1.5 * picture.shape[0]
    assert picture.std() > 10


def test_a_chunk_begins_at_the_agent() -> None:
    """The demonstrator's first target is within a step of the agent, in the picture too."""
    for name in ("dpbench/Avoid-v0", "dpbench/BlockPush-v0", "dpbench/BlockPushAbs-v0"):
        task = load_task(name)
        shown = scene(task, task.starts())
        drawn = panel("demonstrator", open_policy("demonstrator", name), task, task.starts(), shown, 8, 1, 5)
        size_px = len(shown.picture)
        assert np.abs(drawn.chunks[:, 0] - shown.agent_px).max() < 0.1 * size_px
        np.testing.assert_allclose(drawn.paths[0][0], shown.agent_px[0])


def test_chunks_of_two_tasks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    zoo = Path(__file__).parents[2] / "zoo" / "PushTKeypoints-v0" / "mlp-bc"
    assert main(["chunks", str(zoo), "hold", "--task", "dpbench/Avoid-v0"]) == 2
    assert "Avoid" in capsys.readouterr().err
