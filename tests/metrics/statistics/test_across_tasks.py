"""Figures over many tasks are those of Agarwal et al. 2021, computed here from their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from dpbench.metrics.statistics.across_tasks import (
    estimate,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    resampled,
)


def test_the_interquartile_mean_is_the_trimmed_mean_of_all_runs() -> None:
    scores = np.random.default_rng(0).random((6, 3, 4))  # tasks, resamples, runs: 24 runs, 6 of them cut at each end
    expected = [trim_mean(scores[:, resample].ravel(), 0.25) for resample in range(3)]
    assert interquartile_mean(list(scores)) == pytest.approx(expected)


def test_the_interquartile_mean_by_hand() -> None:
    """Runs 0, 0.2, 0.4, 1: the middle half is 0.2 and 0.4. Of 0, 0.3, 1, half of the outer ones' weight is left."""
    assert interquartile_mean([np.array([[0.0, 0.2]]), np.array([[0.4, 1.0]])]) == pytest.approx([0.3])
    thirds = [np.array([[value]]) for value in (0.0, 0.3, 1.0)]
    assert interquartile_mean(thirds) == pytest.approx([2 * (0.0 / 12 + 0.3 / 3 + 1.0 / 12)])


def test_a_task_with_more_seeds_weighs_no_more() -> None:
    once = [np.array([[0.2]]), np.array([[0.8]]), np.array([[0.5]]), np.array([[0.6]])]
    thrice = [np.repeat(once[0], 3, axis=1), *once[1:]]
    assert interquartile_mean(thrice) == pytest.approx(interquartile_mean(once))


def test_the_profile_is_the_share_of_runs_above_each_threshold() -> None:
    scores = [np.array([[0.1, 0.5]]), np.array([[0.5, 0.9]])]
    found = performance_profile(scores, np.array([0.0, 0.1, 0.5, 0.89, 1.0]))
    assert found.tolist() == [[1.0, 0.75, 0.25, 0.25, 0.0]]


def test_the_area_below_the_profile_is_the_mean_score() -> None:
    """Agarwal et al. 2021, Sec. 4.2: for scores between 0 and 1."""
    scores = list(np.random.default_rng(1).random((5, 1, 3)))
    thresholds = (np.arange(10_000) + 0.5) / 10_000
    assert performance_profile(scores, thresholds).mean() == pytest.approx(np.mean(scores), abs=1e-3)


def test_the_probability_of_improvement_is_mann_whitneys() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.integers(5, size=(4, 3)) / 5, rng.integers(5, size=(4, 2)) / 5
    expected = np.mean([mannwhitneyu(one, two).statistic / 6 for one, two in zip(first, second, strict=True)])
    found = probability_of_improvement([each[None] for each in first], [each[None] for each in second])
    assert found == pytest.approx([expected])
    swapped = probability_of_improvement([each[None] for each in second], [each[None] for each in first])
    assert found + swapped == pytest.approx([1.0])


def test_the_first_resample_is_the_data_and_all_resamples_are_stratified() -> None:
    rng = np.random.default_rng(3)
    outcomes = [[rng.integers(2, size=(3, 20)).astype(float) for _ in range(2)] for _ in range(2)]
    scores = resampled(outcomes, np.random.default_rng(0))
    for method, task in itertools.product(range(2), range(2)):
        assert scores[method][task][0] == pytest.approx(outcomes[method][task].mean(axis=1))
        assert scores[method][task].mean() == pytest.approx(outcomes[method][task].mean(), abs=0.02)
    again, other = (resampled(outcomes, np.random.default_rng(seed)) for seed in (0, 1))
    assert (again[0][0] == scores[0][0]).all()
    assert (other[0][0] != scores[0][0]).any()


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """One seed on each of eight tasks with 50 starts: the spread of the starts is what there is."""
    rates = np.array([0.1, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.9])
    truth = rates[2:6].mean()
    rng = np.random.default_rng(4)
    covered, n_studies = 0, 60
    for _ in range(n_studies):
        outcomes = [[(rng.random((1, 50)) < rate).astype(float) for rate in rates]]
        (scores,) = resampled(outcomes, rng)
        found = estimate(interquartile_mean(scores))
        covered += found.low <= truth <= found.high
    assert covered / n_studies >= 0.87
