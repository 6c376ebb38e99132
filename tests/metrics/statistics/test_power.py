"""The number of starts is the one that a simulation of the whole comparison needs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from dpbench.cli import main
from dpbench.errors import ConfigError
from dpbench.metrics.statistics.power import Discordance, approximate_starts, discordance, power, starts_for


@pytest.mark.parametrize(("base", "difference", "correlation"), [(0.5, 0.2, 0.0), (0.7, 0.15, 0.4), (0.9, 0.1, 0.0)])
def test_a_simulated_comparison_finds_the_difference_as_often_as_promised(
    base: float, difference: float, correlation: float
) -> None:
    """Draws 2,000 comparisons with successes of these rates and this correlation, and tests each of them."""
    pairs = discordance(base, difference, correlation)
    n_starts = starts_for(pairs, 0.8, 0.05)
    rng = np.random.default_rng(0)
    better = base + difference
    both = base * better + correlation * np.sqrt(base * (1 - base) * better * (1 - better))
    assert (both + pairs.better, both + pairs.worse) == pytest.approx((better, base)), "the rates are as asked"
    draws = rng.multinomial(n_starts, [pairs.better, pairs.worse, 1 - pairs.share], size=2000)
    outcomes = np.unique(draws[:, :2], axis=0)
    p_values = {tuple(two): binomtest(int(two[0]), max(1, int(two.sum()))).pvalue for two in outcomes}
    found = np.mean([p_values[won, lost] <= 0.05 and won > lost for won, lost, _ in draws.tolist()])
    assert found == pytest.approx(power(n_starts, pairs, 0.05), abs=0.03)
    assert found == pytest.approx(0.8, abs=0.04)


def test_the_power_is_the_sum_over_all_outcomes() -> None:
    pairs = Discordance(0.3, 0.1)
    expected = sum(
        binom.pmf(n, 20, pairs.share) * binom.pmf(won, n, pairs.better / pairs.share)
        for n in range(1, 21)
        for won in range(n + 1)
        if won > n / 2 and binomtest(won, n).pvalue <= 0.05
    )
    assert power(20, pairs, 0.05) == pytest.approx(expected, abs=1e-9)


def test_one_start_less_does_not_do() -> None:
    pairs = discordance(0.5, 0.2, 0.0)
    n_starts = starts_for(pairs, 0.8, 0.05)
    assert power(n_starts, pairs, 0.05) >= 0.8 > power(n_starts - 1, pairs, 0.05)
    assert approximate_starts(0.2, pairs.share, 0.8, 0.05) == pytest.approx(n_starts, rel=0.1)


def test_a_start_that_is_easy_for_both_saves_starts_and_more_comparisons_cost_some() -> None:
    alone = starts_for(discordance(0.5, 0.2, 0.0), 0.8, 0.05)
    assert starts_for(discordance(0.5, 0.2, 0.4), 0.8, 0.05) < alone
    assert starts_for(discordance(0.5, 0.2, 0.0), 0.8, 0.05 / 45) > 1.5 * alone


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="no success rate is above 1"):
        discordance(0.9, 0.2, 0.0)
    with pytest.raises(ConfigError, match=r"can have one from -\d.\d\d to 0.33"):
        discordance(0.5, 0.4, 0.9)
    with pytest.raises(ConfigError, match="more than 1,000,000 starts"):
        starts_for(Discordance(0.5, 0.4999), 0.8, 0.05)


def test_the_command_answers_for_five_points(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1,606 starts: success of 0.5 and 0.55 is told apart with a power of 0.80")
    assert main(["power", "--base", "0.95", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [one["difference"] for one in content["other_differences"]] == [0.02, 0.05], "1.05 is no success rate"
    assert content["power"] >= 0.8
