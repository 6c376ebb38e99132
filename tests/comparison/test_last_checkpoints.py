"""Records of kept checkpoints are put together, and a checkpoint is chosen on starts for choosing only."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dpbench.comparison.last_checkpoints import CHOSEN, choose, last_checkpoints
from dpbench.errors import ConfigError
from dpbench.policies.checkpoint import load_checkpoint
from dpbench.records.record import Record
from dpbench.starts import SELECTION
from tests.conftest import made_up

ROOT = Path(__file__).parents[2]


def kept(seed: int, step: int, score: float, starts: str = "published") -> Record:
    made = made_up("mlp-bc", seed, score, step)
    policy = made.cell.policy.model_copy(update={"run_steps": 10})
    policy.model_fields_set.add("run_steps")
    cell = made.cell.model_copy(update={"policy": policy, "starts": starts})
    return made.model_copy(update={"cell": cell, "identity": cell.identity()})


def test_checkpoints_that_every_training_seed_has_are_one_group() -> None:
    records = [kept(seed, step, 0.1 * step) for seed in (0, 1) for step in (8, 9, 10)]
    alone = [
        kept(2, 10, 0.5, "other"),
        kept(0, 10, 0.9, SELECTION),
        kept(0, 9, 0.9, SELECTION),
        made_up("mlp-bc", 0, 1),
    ]
    (one,) = last_checkpoints([*alone, *records[::-1]])
    assert one.steps == (8, 9, 10)
    assert list(one.by_seed) == [0, 1]
    figures = one.figures("max_score")
    assert (figures.maximum, figures.mean.mean, figures.last.mean) == (
        pytest.approx(1.0), pytest.approx(0.9), pytest.approx(1.0),
    )  # fmt: skip
    (fewer,) = last_checkpoints(records[:-1])
    assert fewer.steps == (8, 9), "the last of seed 1 is missing"


def test_the_chosen_checkpoint_says_on_what_and_from_which(tmp_path: Path) -> None:
    for step in (8, 9):
        shutil.copytree(ROOT / "zoo/PushTKeypoints-v0/bet", tmp_path / f"checkpoints/step-{step}")
    records = [kept(0, 8, 0.7, SELECTION), kept(0, 9, 0.6, SELECTION)]
    assert choose(tmp_path, records).policy.step == 8
    told = load_checkpoint(tmp_path / CHOSEN).description
    assert (told["chosen_on"]["starts"], told["chosen_on"]["start_seeds"]) == (SELECTION, [1, 2])
    assert [one["step"] for one in told["candidates"]] == [8, 9]


def test_no_checkpoint_is_chosen_on_reported_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="results are reported from published: choose from"):
        choose(tmp_path, [kept(0, 8, 0.7, SELECTION), kept(0, 9, 0.6)])
    assert not (tmp_path / CHOSEN).exists()
