"""The bias of the largest of several checkpoints, where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.metrics.statistics import checkpoints, intervals
from dpbench.metrics.statistics.checkpoints import best_checkpoint, over_checkpoints


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "N_SPLITS", 40)
    monkeypatch.setattr(intervals, "N_RESAMPLES", 100)


def test_of_equal_checkpoints_the_bias_is_what_the_maximum_adds_to_the_true_rate() -> None:
    rng = np.random.default_rng(0)
    found = [over_checkpoints((rng.random((1, 10, 50)) < 0.5).astype(float), rng) for _ in range(40)]
    true = np.mean([one.maximum for one in found]) - 0.5
    assert true > 0.08
    assert np.mean([one.bias.mean for one in found]) == pytest.approx(true, abs=0.02)
    assert np.mean([one.noise for one in found]) == pytest.approx(true, abs=0.02)
    assert np.mean([one.chosen.mean for one in found]) == pytest.approx(0.5, abs=0.02)


def test_a_checkpoint_that_is_better_everywhere_has_no_bias() -> None:
    values = np.zeros((2, 5, 20))
    values[:, 3] = 1.0
    found = over_checkpoints(values, np.random.default_rng(0))
    assert (found.maximum, found.chosen.mean, found.bias.mean) == (1.0, 1.0, 0.0)
    assert (found.mean.mean, found.last.mean) == (pytest.approx(0.2), 0.0)


def test_the_same_checkpoint_many_times_adds_nothing() -> None:
    values = np.repeat(np.random.default_rng(1).random((3, 1, 20)), 4, axis=1)
    found = over_checkpoints(values, np.random.default_rng(0))
    assert found.bias.mean == pytest.approx(0)
    assert found.noise == pytest.approx(0)
    assert found.maximum == pytest.approx(found.mean.mean)


def test_of_equal_means_the_last_checkpoint_is_the_best() -> None:
    assert best_checkpoint(np.array([1.0, 0.0, 1.0, 0.5])) == 2
