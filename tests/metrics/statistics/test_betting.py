"""A bet may be stopped at any time: false alarms stay rare, and a clear difference is found early."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from dpbench.metrics.statistics.betting import bet_on, log_e_value
from dpbench.metrics.statistics.power import discordance, starts_for

ALPHA = 0.05
MONEY = np.array([[log_e_value(wins, n - wins) if wins <= n else -np.inf for wins in range(401)] for n in range(401)])
"""Logarithm of what the gambler holds: after n discordant starts, of which the first policy won so many."""


def stops(outcomes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of starts at which each of many runs decides; one more than there are for none.

    Args:
        outcomes: 1 where only the first policy succeeded, -1 where only the second one did, else 0; `(runs, starts)`.
    """
    n, wins = np.cumsum(outcomes != 0, axis=1), np.cumsum(outcomes == 1, axis=1)
    decided = MONEY[n, wins] >= -np.log(ALPHA)
    return np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, outcomes.shape[1] + 1)


def drawn(better: float, worse: float, n_starts: int, n_runs: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(0)
    return rng.choice([1, -1, 0], p=[better, worse, 1 - better - worse], size=(n_runs, n_starts))


def test_the_money_is_the_mean_over_all_constant_bets() -> None:
    for wins, losses in ((0, 0), (5, 0), (3, 4), (12, 2)):
        expected, _ = quad(lambda s, w=wins, lost=losses: (2 * s) ** w * (2 - 2 * s) ** lost, 0, 1)
        assert np.exp(log_e_value(wins, losses)) == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_false_alarms_are_at_most_five_percent_however_long_one_looks(share: float) -> None:
    """4,000 runs of two equal policies, looked at after every one of 400 starts."""
    alarms = (stops(drawn(share / 2, share / 2, 400, 4000)) <= 400).mean()
    assert 0.001 < alarms <= ALPHA


def test_a_start_that_is_easier_for_one_of_two_equal_policies_raises_no_more_alarms() -> None:
    """Each start has chances of its own; over starts both succeed equally often."""
    rng = np.random.default_rng(1)
    first = rng.beta(0.4, 0.4, size=(2000, 200))
    second = rng.beta(0.4, 0.4, size=(2000, 200))
    outcomes = (rng.random(first.shape) < first).astype(int) - (rng.random(first.shape) < second)
    assert (stops(outcomes) <= 200).mean() <= ALPHA


@pytest.mark.parametrize(("true", "at_most", "decided"), [(0.1, 0.98, 0.66), (0.15, 0.5, 0.97), (0.2, 0.3, 0.99)])
def test_episodes_saved_against_a_plan_for_ten_points(true: float, at_most: float, decided: float) -> None:
    """The plan runs what McNemar's exact test needs for 0.6 against 0.7 at 80 %; the bet may run half as many more.

    The share of the plan's episodes that the bet needs on average is printed by the test and stated in the docs.
    """
    plan = starts_for(discordance(0.6, 0.1, 0.0), 0.8, ALPHA)
    pairs = discordance(0.6, true, 0.0)
    most = plan * 3 // 2
    found = stops(drawn(pairs.better, pairs.worse, most, 1000))
    needed = np.minimum(found, most).mean() / plan
    print(f"true difference {true}: {needed:.2f} of the plan's episodes, decided in {(found <= most).mean():.2f}")
    assert (found <= most).mean() >= decided
    assert needed <= at_most


def test_what_comes_after_the_decision_is_not_looked_at() -> None:
    bet = bet_on([(True, False)] * 10 + [(False, True)] * 30, ALPHA)
    assert (bet.decided, bet.n_starts, bet.first, bet.second) == ("first", 8, 8, 0)
    assert bet.e_value == pytest.approx(2**8 / 9)
    assert bet_on([(False, True)] * 8, ALPHA).decided == "second"
    assert bet_on([(True, True), (False, False)] * 100, ALPHA).e_value == 1.0
