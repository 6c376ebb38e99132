"""Tests of pairs on the same starts: exact where they say so, and wrong as seldom as they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from dpbench.metrics.statistics.paired import Paired, exact_paired_test, paired_bootstrap


def once(successes: list[bool]) -> Paired:
    return Paired(np.array(successes, dtype=np.int64), np.ones(len(successes), dtype=np.int64))


def test_with_one_trial_a_start_it_is_mcnemars_exact_test() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        first, second = rng.random((2, 50)) < rng.random((2, 1))
        wins, losses = int((first & ~second).sum()), int((second & ~first).sum())
        expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert exact_paired_test(once(list(first)), once(list(second))) == pytest.approx(expected, abs=1e-12)


def test_with_repeats_it_is_the_share_of_all_sign_flips() -> None:
    """All 2^7 flips of seven starts, three trials of one policy and two of the other, counted one by one."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        first = Paired(rng.integers(4, size=7), np.full(7, 3))
        second = Paired(rng.integers(3, size=7), np.full(7, 2))
        sixths = 2 * first.successes - 3 * second.successes
        sums = [abs(sum(sign * each for sign, each in zip(signs, sixths.tolist(), strict=True)))
                for signs in itertools.product((-1, 1), repeat=7)]  # fmt: skip
        expected = sum(total >= abs(int(sixths.sum())) for total in sums) / len(sums)
        assert exact_paired_test(first, second) == pytest.approx(expected, abs=1e-12)


def test_neither_order_nor_equal_policies_matter() -> None:
    first, second = once([True] * 6 + [False] * 4), once([True, False] * 5)
    assert exact_paired_test(first, second) == pytest.approx(exact_paired_test(second, first))
    assert exact_paired_test(first, first) == 1.0


def test_repeats_of_easy_and_hard_starts_raise_no_false_alarms() -> None:
    """Two equal policies, three repeats of each start; a test that took the repeats for independent would fail."""
    rng = np.random.default_rng(2)
    alarms, n_studies = 0, 400
    for _ in range(n_studies):
        # At each start either policy is the better one, all three times.
        chance = rng.beta(0.3, 0.3, size=(2, 40))
        first, second = (Paired(rng.binomial(3, each), np.full(40, 3)) for each in chance)
        alarms += exact_paired_test(first, second) <= 0.05
    assert alarms / n_studies <= 0.05 + 2 * (0.05 * 0.95 / n_studies) ** 0.5


def test_the_bootstrap_covers_the_difference_and_finds_none_where_there_is_none() -> None:
    rng = np.random.default_rng(3)
    covered, alarms, n_pairs = 0, 0, 400
    found = paired_bootstrap(rng.normal(0.0, 1.0, size=(n_pairs, 50)), np.random.default_rng(0))
    covered = sum(each.estimate.low <= 0 <= each.estimate.high for each in found)
    alarms = sum(each.p_value <= 0.05 for each in found)
    assert 0.9 <= covered / n_pairs <= 0.98
    assert alarms / n_pairs <= 0.08
    (clear,) = paired_bootstrap(np.full((1, 50), 0.85), np.random.default_rng(0))
    assert clear.p_value < 0.001, "where every start ends alike"
    (equal,) = paired_bootstrap(np.zeros((1, 50)), np.random.default_rng(0))
    assert equal.p_value == 1.0
