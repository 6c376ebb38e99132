"""Intervals cover the truth about as often as they say, whether starts are repeated or not."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.metrics.statistics.intervals import Estimate, crossed_mean, crossed_proportion, mean, proportion, trials_of


def test_a_proportion_without_repeats_is_wilsons() -> None:
    estimate = proportion(np.arange(50) < 35, np.arange(50))
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx((0.7, 0.562, 0.809), abs=2e-3)
    assert proportion(np.zeros(50, dtype=bool), np.arange(50)).high == pytest.approx(0.071, abs=2e-3)


def test_identical_repeats_add_nothing_and_independent_ones_do() -> None:
    rng = np.random.default_rng(0)
    starts = np.repeat(np.arange(50), 3)
    same = np.repeat(rng.random(50) < 0.6, 3)
    once = proportion(same[::3], np.arange(50))
    thrice = proportion(same, starts)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.05)
    free = proportion(rng.random(150) < 0.6, starts)
    assert free.high - free.low < 0.8 * (once.high - once.low)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("rate", [0.6, 0.9])
def test_intervals_cover_the_truth_about_as_often_as_they_say(rate: float, correlation: float) -> None:
    """Starts differ in difficulty: success of a start is Beta distributed around the rate."""
    rng = np.random.default_rng(1)
    starts = np.repeat(np.arange(50), 3)
    covered = {"proportion": 0, "mean": 0}
    n_studies = 300
    for _ in range(n_studies):
        spread = (1 - correlation) / max(correlation, 1e-9)
        chance = rng.beta(rate * spread, (1 - rate) * spread, size=50) if correlation else np.full(50, rate)
        successes = rng.random(150) < np.repeat(chance, 3)
        for name, estimate in (
            ("proportion", proportion(successes, starts)),
            ("mean", mean(successes.astype(float), starts, rng)),
        ):
            covered[name] += estimate.low <= rate <= estimate.high
    assert 0.91 <= covered["proportion"] / n_studies <= 0.99
    assert 0.88 <= covered["mean"] / n_studies <= 0.99


def test_the_bootstrap_is_a_function_of_its_generator() -> None:
    values, starts = np.random.default_rng(0).random(30), np.arange(30)
    first, same, other = (mean(values, starts, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == same != other


def test_the_crossed_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Random effects of eight seeds and thirty starts around 0.5, many times over."""
    rng = np.random.default_rng(0)
    starts, seeds = (grid.ravel() for grid in np.meshgrid(np.arange(30), np.arange(8)))
    covered = 0
    n_trials = 200
    for _ in range(n_trials):
        values = 0.5 + 0.1 * rng.normal(size=8)[seeds] + 0.2 * rng.normal(size=30)[starts] + 0.05 * rng.normal(size=240)
        estimate = crossed_mean(values, starts, seeds, np.random.default_rng(1))
        covered += estimate.low <= 0.5 <= estimate.high
    assert 0.86 <= covered / n_trials <= 0.99


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_the_crossed_interval_of_a_proportion_covers_the_truth_too(rate: float) -> None:
    """Five seeds and fifty starts whose easiness varies, rare success included."""
    rng = np.random.default_rng(0)
    starts, seeds = (grid.ravel() for grid in np.meshgrid(np.arange(50), np.arange(5)))
    covered = 0
    n_trials = 200
    for _ in range(n_trials):
        easiness = rng.beta(4 * rate, 4 * (1 - rate), size=50)
        successes = rng.random(250) < easiness[starts]
        estimate = crossed_proportion(successes, starts, seeds, np.random.default_rng(1))
        covered += estimate.low <= rate <= estimate.high
    assert 0.9 <= covered / n_trials <= 1.0


def test_nothing_solved_is_no_proof_of_a_rate_of_zero() -> None:
    starts, seeds = (grid.ravel() for grid in np.meshgrid(np.arange(50), np.arange(3)))
    estimate = crossed_proportion(np.zeros(150, dtype=np.bool_), starts, seeds, np.random.default_rng(0))
    assert (estimate.mean, estimate.low) == (0.0, 0.0)
    assert estimate.high == pytest.approx(0.071, abs=0.001), "Wilson's interval for none of 50"


@pytest.mark.parametrize("n_successes", [0, 1, 25, 49, 50])
def test_the_effective_number_of_trials_is_read_from_the_interval(n_successes: int) -> None:
    assert trials_of(proportion(np.arange(50) < n_successes, np.arange(50))) == pytest.approx(50)


def test_repeats_that_always_end_alike_count_once() -> None:
    same = np.repeat(np.arange(50) < 20, 3)
    assert trials_of(proportion(same, np.repeat(np.arange(50), 3))) == pytest.approx(50, rel=0.03)


def test_an_interval_without_a_width_stands_for_endless_trials_and_a_full_one_for_none() -> None:
    assert trials_of(Estimate(0.5, 0.5, 0.5)) == np.inf
    assert trials_of(Estimate(0.5, 0.0, 1.0)) == 0
