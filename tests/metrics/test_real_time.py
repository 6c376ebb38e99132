"""Stale actions, and the paired difference of real time and lock-step."""

from __future__ import annotations

import numpy as np

from dpbench.metrics.real_time import is_stale
from dpbench.metrics.statistics.paired_proportions import paired_difference


def test_an_action_is_stale_when_lock_step_could_not_have_sent_it() -> None:
    lock_step = np.array([0, 0, 0, 3, 3, 3])
    assert not is_stale(lock_step, 3).any()
    observed = np.array([-1, 0, 0, 0, 0, 3])
    assert is_stale(observed, 3).tolist() == [True, False, False, True, True, False]
    assert is_stale(np.array([-1, 0, 1]), 1).tolist() == [True, True, True], "each is one step late"


def test_the_interval_of_a_difference_holds_what_it_must() -> None:
    starts = np.arange(50)
    first = np.arange(50) < 30
    none = paired_difference(first, first, starts)
    assert none.mean == 0
    assert none.low < 0 < none.high, "fifty pairs without a difference do not prove that there is none"
    worse = paired_difference(first & (starts % 3 > 0), first, starts)
    assert worse.mean == -10 / 50
    assert -0.4 < worse.low < worse.mean < worse.high < 0


def test_repeats_of_a_start_count_less_than_starts() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(60) < 0.7, rng.random(60) < 0.4
    apart = paired_difference(first, second, np.arange(60))
    repeated = paired_difference(np.repeat(first[:20], 3), np.repeat(second[:20], 3), np.repeat(np.arange(20), 3))
    assert repeated.high - repeated.low > 1.3 * (apart.high - apart.low)
    assert paired_difference(np.array([True]), np.array([False]), np.array([1])).mean == 1


def test_the_interval_covers_the_true_difference_about_as_often_as_it_claims() -> None:
    rng, inside, n = np.random.default_rng(1), 0, 1000
    for _ in range(n):
        second = rng.random(50) < 0.6
        first = np.where(rng.random(50) < 0.2, rng.random(50) < 0.3, second)  # true difference 0.2 (0.3 - 0.6)
        found = paired_difference(first, second, np.arange(50))
        inside += found.low <= 0.2 * (0.3 - 0.6) <= found.high
    assert 0.94 <= inside / n <= 0.99
