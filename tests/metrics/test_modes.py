"""Metrics of modes on policies whose answer is known, and intervals that cover the truth about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.errors import DataError
from dpbench.metrics.modes import (
    behaviour_entropy,
    bootstrap,
    conditional_behaviour_entropy,
    count_modes,
    histogram_distance,
    jensen_shannon,
    mode_coverage,
    total_variation,
)

RNG = np.random.default_rng(0)
MODES = ("left", "right", "over", "under")
UNIFORM, ONE = np.full(4, 25), np.array([100, 0, 0, 0])


def test_a_uniform_policy_has_entropy_one_and_one_mode_zero() -> None:
    assert behaviour_entropy(UNIFORM) == pytest.approx(1.0)
    assert behaviour_entropy(ONE) == 0.0
    assert behaviour_entropy(np.array([50, 50, 0, 0])) == pytest.approx(0.5)
    assert behaviour_entropy(np.zeros(4, dtype=np.int64)) == 0.0
    assert (mode_coverage(UNIFORM), mode_coverage(ONE)) == (1.0, 0.25)


def test_the_correction_takes_away_most_of_the_bias_of_few_rollouts() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    truth = float(-(shares * np.log(shares)).sum() / np.log(4))
    drawn = rng.multinomial(20, shares, size=2000)
    plain = np.mean([behaviour_entropy(counts) for counts in drawn])
    corrected = np.mean([behaviour_entropy(counts, miller_madow=True) for counts in drawn])
    assert plain < truth - 0.03
    assert abs(corrected - truth) < 0.5 * abs(plain - truth)


def test_a_policy_that_is_diverse_over_starts_only_has_no_conditional_entropy() -> None:
    by_start = np.diag([5, 5, 5, 5])
    assert behaviour_entropy(by_start.sum(axis=0)) == pytest.approx(1.0)
    assert conditional_behaviour_entropy(by_start, RNG).mean == 0.0
    both = np.stack([UNIFORM, np.zeros(4, dtype=np.int64)])
    assert conditional_behaviour_entropy(both, RNG).mean == pytest.approx(0.5)
    assert conditional_behaviour_entropy(both, RNG, empty_counts=False).mean == pytest.approx(1.0)


def test_failures_are_left_out_and_counted() -> None:
    counted = count_modes(MODES, ["left", "left", None, "over"], [True, False, True, True])
    assert counted.counts.tolist() == [1, 0, 1, 0]
    assert counted.n_left_out == 2
    np.testing.assert_allclose(counted.shares, [0.5, 0, 0.5, 0])
    with pytest.raises(DataError, match="mode 'up' is none of the task's"):
        count_modes(MODES, ["up"], [True])


def test_histograms_are_compared() -> None:
    uniform, one, other = UNIFORM / 100, ONE / 100, np.array([0, 1.0, 0, 0])
    assert total_variation(uniform, uniform) == jensen_shannon(uniform, uniform) == 0.0
    assert total_variation(one, other) == jensen_shannon(one, other) == pytest.approx(1.0)
    assert total_variation(uniform, one) == pytest.approx(0.75)
    assert 0 < jensen_shannon(uniform, one) < 1


@pytest.mark.parametrize("shares", [(0.4, 0.3, 0.2, 0.1), (0.7, 0.1, 0.1, 0.1)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(shares: tuple[float, ...]) -> None:
    truth = float(-(np.array(shares) * np.log(shares)).sum() / np.log(4))
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(150):
        labels = rng.choice(4, size=60, p=shares)
        estimate = bootstrap(lambda counts: behaviour_entropy(counts, miller_madow=True), labels, 4, rng)
        covered += estimate.low <= truth <= estimate.high
    assert 0.88 <= covered / 150 <= 1.0


def test_the_distance_of_histograms_has_an_interval_that_covers_it() -> None:
    """Two policies whose true total variation is 0.3, 60 rollouts each, many times over."""
    first, second = np.array([0.4, 0.4, 0.1, 0.1]), np.array([0.1, 0.4, 0.4, 0.1])
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        estimate = histogram_distance(total_variation, rng.multinomial(60, first), rng.multinomial(60, second))
        covered += estimate.low <= 0.3 <= estimate.high
    assert 0.88 <= covered / 200 <= 1.0
    same = histogram_distance(jensen_shannon, np.array([30, 30]), np.array([30, 30]))
    assert (same.mean, same.low) == (0.0, 0.0)
