"""Pictures and columns of tasks that name their modes."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as imageio
import pytest

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.evaluate import evaluate
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.render import render
from dpbench.leaderboard.tables import as_text
from dpbench.records.record import Episodes, Record


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
    picture = imageio.imread(tmp_path / "figures/Avoid-v0-modes.png")
    assert picture.std() > 10
    assert "(figures/Avoid-v0-modes.png)" in (tmp_path / "avoid.md").read_text()


def test_stages_are_shares_of_episodes() -> None:
    cell = Cell("demonstrator", "dpbench/BlockPush-v0", n_starts=4, sampler_seeds=(0,))
    made = evaluate(resolve(cell), 1).record
    scores = Episodes(**{**made.episodes.columns(), "max_score": (1.0, 0.51, 0.49, 0.0)})
    record = made.model_copy(update={"episodes": scores})
    row = frame([record]).iloc[0]
    assert (row["p1"], row["p2"]) == (0.75, 0.25)
    assert row["p1_low"] < 0.75 < row["p1_high"]
