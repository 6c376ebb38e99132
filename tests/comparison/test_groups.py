"""Training seeds are put together in one row; the interval covers both seeds and starts."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.comparison.groups import group
from dpbench.leaderboard.page import order_agreement
from dpbench.leaderboard.table import columns, frame
from dpbench.metrics.statistics.intervals import crossed_mean, crossed_proportion

from .made_up import record


def test_records_of_other_training_seeds_share_a_row() -> None:
    records = [record("bet", seed, score) for seed, score in ((44, 0.6), (42, 0.5), (43, 0.7))]
    (members,) = group(records)
    assert members.seeds == (42, 43, 44)
    assert members.per_seed("max_reward") == (0.5, 0.7, 0.6)
    estimate = members.estimate("max_reward")
    assert estimate.mean == pytest.approx(0.6)
    assert 0.5 <= estimate.low < 0.6 < estimate.high <= 0.7
    text = columns(frame(records)).iloc[0]
    assert text["by seed"] == "0.50 0.70 0.60"
    assert text["paper"] == "0.70"


def test_what_else_differs_makes_a_row_of_its_own() -> None:
    records = [record("bet", 42, 0.5), record("bet", 42, 0.5, step=20), record("ibc", 42, 0.5)]
    assert len(group(records)) == 3


def test_a_later_record_of_a_seed_replaces_the_earlier() -> None:
    (members,) = group([record("bet", 42, 0.5), record("bet", 42, 0.9)])
    assert members.per_seed("max_reward") == (0.9,)


def test_the_order_is_compared_with_the_papers() -> None:
    table = frame([record("diffusion-cnn", 42, 0.9), record("bet", 42, 0.5), record("ibc", 42, 0.4)])
    text = order_agreement(table)
    assert "of 3 pairs of published methods 2 stand in the paper's order" in text
    assert "other way round**: the paper has ibc over bet (0.40 and 0.50 here)" in text
    assert order_agreement(frame([record("hold", None, 0.1)])) == ""
    tied = order_agreement(frame([record("bet", 42, 0.5), record("ibc", 42, 0.5)]))
    assert "of 1 pairs of published methods 0 stand" in tied
    assert "equal here: the paper has ibc over bet" in tied


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
