"""Pictures and columns of tasks that name their modes."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from dpbench.cli import main
from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.chunks import panel, scene
from dpbench.comparison.evaluate import evaluate
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.page import render
from dpbench.leaderboard.tables import as_text
from dpbench.policies.opening import open_policy
from dpbench.records.record import Episodes, Record
from dpbench.tasks import load_task


@pytest.fixture(scope="module")
def avoid() -> list[Record]:
    return [
        evaluate(resolve(Cell(name, "dpbench/Avoid-v0", n_starts=12, sampler_seeds=(0,))), 1).record
        for name in ("demonstrator", "hold")
    ]


def test_a_record_says_what_a_task_with_modes_asks_for(avoid: list[Record]) -> None:
    demonstrator, hold = avoid
    assert sum(demonstrator.mode_counts().values()) == 12
    assert demonstrator.estimate("plan_consistency").mean == 1.0
    assert demonstrator.estimate("invalid_share").mean < 0.02
    assert sum(hold.mode_counts().values()) == 0
    assert Record.model_validate_json(json.dumps(demonstrator.as_json())) == demonstrator


def test_the_table_has_the_columns_and_the_page_the_histograms(avoid: list[Record], tmp_path: Path) -> None:
    table = render(avoid, tmp_path)
    text = as_text(table).set_index("policy")
    assert {"entropy", "modes seen", "mode distance", "plan consistency", "invalid chunks", "energy distance"} <= set(
        text.columns
    )
    assert text.loc["demonstrator", "mode distance"] == "0.00 [0.00, 0.00]"
    assert text.loc["hold", "mode distance"] == "-", "no successful rollout has no histogram"
    picture = imageio.imread(tmp_path / "modes-Avoid-v0.png")
    assert picture.std() > 10
    assert "modes-Avoid-v0.png" in (tmp_path / "README.md").read_text()


def test_stages_are_shares_of_episodes() -> None:
    cell = Cell("demonstrator", "dpbench/BlockPush-v0", n_starts=4, sampler_seeds=(0,))
    made = evaluate(resolve(cell), 1).record
    scores = Episodes(**{**made.episodes.columns(), "max_score": (1.0, 0.51, 0.49, 0.0)})
    record = made.model_copy(update={"episodes": scores})
    row = frame([record]).iloc[0]
    assert (row["p1"], row["p2"]) == (0.75, 0.25)
    assert row["p1_low"] < 0.75 < row["p1_high"]


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
