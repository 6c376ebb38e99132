"""The last checkpoints of a run: their steps, and that a run keeps all of them or says why not."""

from __future__ import annotations

import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from dpbench.errors import CheckpointError, ConfigError
from dpbench.training.kept import check_kept, kept_checkpoints, kept_folder, kept_steps
from dpbench.training.trainer import Execution, train

from .test_trainer import CONFIG, Noisy, data

Usage = namedtuple("Usage", "total used free")


def keep(folder: Path, steps: tuple[int, ...]) -> None:
    for step in steps:
        kept_folder(folder, step).mkdir(parents=True)
        (kept_folder(folder, step) / "checkpoint.json").write_text("{}")


def test_the_last_ten_are_a_hundredth_of_the_run_apart_and_end_with_it() -> None:
    assert list(kept_steps(10_000, 10)) == list(range(9_100, 10_001, 100))
    assert list(kept_steps(10, 3)) == [8, 9, 10]
    assert list(kept_steps(10, 3, every=4)) == [2, 6, 10]
    assert not kept_steps(10, 0)


@pytest.mark.parametrize(
    ("n_steps", "every", "message"),
    [(10, 5, "need a run of 11 steps at least, this one has 10"), (0, None, "takes no gradient steps")],
)
def test_a_run_that_is_too_short_is_refused(n_steps: int, every: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kept_steps(n_steps, 3, every)


def test_they_are_listed_by_step_and_only_complete_ones(tmp_path: Path) -> None:
    keep(tmp_path, (900, 1000))
    kept_folder(tmp_path, 950).mkdir()
    (tmp_path / "checkpoints/step-x").mkdir()
    (tmp_path / "checkpoints/step-x/checkpoint.json").write_text("{}")
    assert [path.name for path in kept_checkpoints(tmp_path)] == ["step-900", "step-1000"]


def test_a_run_that_kept_others_or_is_past_one_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, (8, 9))
    check_kept(tmp_path, (8, 9, 10), done=9, size_bytes=1)
    with pytest.raises(ConfigError, match="has kept the checkpoint of step 8, which is not asked for"):
        check_kept(tmp_path, (9, 10), done=9, size_bytes=1)
    with pytest.raises(ConfigError, match="at step 10 and did not keep the checkpoint of step 10"):
        check_kept(tmp_path, (8, 9, 10), done=10, size_bytes=1)


def test_a_disk_that_is_too_small_is_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**6))
    keep(tmp_path, (8,))
    check_kept(tmp_path, (8, 9), done=8, size_bytes=10**6)
    with pytest.raises(CheckpointError, match=re.escape("2 checkpoints take 2 MB, 1 MB are free")):
        check_kept(tmp_path, (8, 9, 10), done=8, size_bytes=10**6)


def test_an_interrupted_run_keeps_the_same_checkpoints_bit_by_bit_and_keeping_changes_nothing(tmp_path: Path) -> None:
    def run(folder: Path, stops: tuple[int | None, ...], keep: int) -> dict[int, dict[str, torch.Tensor]]:
        found: dict[int, dict[str, torch.Tensor]] = {}
        for stop in stops:
            torch.manual_seed(0)
            execution = Execution(save_every=7, keep_checkpoints=keep, checkpoint_every=2, stop_after=stop)
            done = train(
                Noisy(), data(), CONFIG, execution, 0, folder, [], lambda *_: {},
                lambda step, average: found.update({step: {name: value.clone() for name, value in average.items()}}),
            )  # fmt: skip
        return {**found, -1: dict(done.weights)}

    whole, pieces = run(tmp_path / "a", (None,), 3), run(tmp_path / "b", (27, 29, None), 3)
    assert sorted(whole) == [-1, 26, 28, 30]
    plain = run(tmp_path / "c", (None,), 0)
    assert list(plain) == [-1]
    for step, weights in whole.items():
        for name, value in weights.items():
            assert torch.equal(value, pieces[step][name]), (step, name)
            assert torch.equal(whole[-1][name], plain[-1][name])
            assert torch.equal(whole[-1][name], whole[30][name])
            assert step in (-1, 30) or not torch.equal(value, whole[30][name])
