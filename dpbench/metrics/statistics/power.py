"""How many starts tell two success rates apart, when both policies run the same starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, gammaln, ndtri, xlogy

from dpbench.errors import ConfigError

MOST_STARTS = 1_000_000
TEETH = 30
"""Numbers of starts behind the first that suffices, which are tried, too."""


@dataclass(frozen=True)
class Discordance:
    """How often two policies differ at a start.

    Attributes:
        better: share of starts at which only the better policy succeeds.
        worse: share at which only the other one does.
    """

    better: float
    worse: float

    @property
    def share(self) -> float:
        """Share of starts at which exactly one of them succeeds."""
        return self.better + self.worse


def discordance(base: float, difference: float, correlation: float) -> Discordance:
    """The discordant starts of two policies.

    Args:
        base: success rate of the weaker policy.
        difference: by which the other one is better, above 0.
        correlation: of their successes over starts (phi): 0 when a start says nothing about the other policy.

    Raises:
        ConfigError: for rates above 1, or a correlation that such rates cannot have.
    """
    better = base + difference
    if better > 1 + 1e-12:
        raise ConfigError(
            f"base {base:g} and difference {difference:g} add up to {better:g}: no success rate is above 1; "
            "lower one of them."
        )
    better = min(better, 1.0)
    spread = math.sqrt(base * (1 - base) * better * (1 - better))
    shared = correlation * spread
    found = Discordance(better * (1 - base) - shared, base * (1 - better) - shared)
    both, neither = base * better + shared, (1 - base) * (1 - better) + shared
    if min(found.worse, both, neither) < -1e-12:
        highest = base * (1 - better) / spread
        lowest = -min(base * better, (1 - base) * (1 - better)) / spread
        raise ConfigError(
            f"correlation {correlation:g}: success rates of {base:g} and {better:g} can have one from {lowest:.2f} to "
            f"{highest:.2f}; choose one between."
        )
    return Discordance(found.better, max(found.worse, 0.0))


def power(n_starts: int, pairs: Discordance, alpha: float) -> float:
    """Chance that McNemar's exact two-sided test finds the better policy better.

    Source: Duffy 1984 (exact unconditional power), after Miettinen 1968.

    Args:
        n_starts: that both policies run, once each.
        pairs: how often they differ.
        alpha: level of the test.
    """
    share = pairs.share
    if share <= 0:
        return 0.0
    # All but about 1e-12 of the distribution of the number of discordant starts.
    reach = 7.5 * math.sqrt(n_starts * share * (1 - share)) + 10
    low, high = max(0, math.floor(n_starts * share - reach)), min(n_starts, math.ceil(n_starts * share + reach))
    discordant = np.arange(low, high + 1)
    most_losses = _largest_below(discordant, alpha / 2)
    wins = bdtrc(discordant - most_losses - 1, discordant, pairs.better / share)
    ways = gammaln(n_starts + 1) - gammaln(discordant + 1) - gammaln(n_starts - discordant + 1)
    chance = np.exp(ways + xlogy(discordant, share) + xlogy(n_starts - discordant, 1 - share))
    return float((chance * np.where(most_losses >= 0, wins, 0.0)).sum())


def _largest_below(trials: NDArray[np.int64], level: float) -> NDArray[np.int64]:
    """Largest number of heads of which a fair coin shows at most so many with probability `level`; -1 for none."""
    # A few above the normal approximation, then down to the exact number.
    guess = trials / 2 + float(ndtri(level)) * np.sqrt(trials) / 2
    heads = np.minimum(np.ceil(guess).astype(np.int64) + 3, trials)
    while (above := (heads >= 0) & (bdtr(np.maximum(heads, 0), trials, 0.5) > level)).any():
        heads = heads - above
    return heads


def starts_for(pairs: Discordance, wanted: float, alpha: float) -> int:
    """Number of starts from which McNemar's exact test has the wanted power.

    The power of an exact test rises in small teeth: this is the number behind the last tooth that falls short.

    Args:
        pairs: how often the policies differ.
        wanted: power, above 0 and below 1.
        alpha: level of the test; for one of M comparisons alpha / M, the first and hardest step of Holm's correction.

    Raises:
        ConfigError: when not even a million starts do.
    """
    guess = approximate_starts(pairs.better - pairs.worse, pairs.share, wanted, alpha)
    low, high = max(1, guess // 2), max(2, guess)
    if power(low, pairs, alpha) >= wanted:
        low = 0
    while high <= MOST_STARTS and power(high, pairs, alpha) < wanted:
        low, high = high, 2 * high
    if high > MOST_STARTS:
        raise ConfigError(f"more than {MOST_STARTS:,} starts would be needed; choose a larger difference.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, pairs, alpha) >= wanted else (middle, high)
    behind = range(high + 1, high + TEETH)
    return max((n + 1 for n in behind if power(n, pairs, alpha) < wanted), default=high)


def approximate_starts(difference: float, squared: float, wanted: float, alpha: float) -> int:
    """The same by the normal approximation, for any differences between starts.

    Source: Connor 1987, Eq. 3, after Miettinen 1968.

    Args:
        difference: mean over starts of the difference of the two success rates, not 0.
        squared: mean over starts of its square; with one trial a start, the share of discordant starts.
        wanted: power.
        alpha: level of the test.
    """
    size = abs(difference)
    within = math.sqrt(max(squared - size**2, 0.0))
    root = float(ndtri(1 - alpha / 2)) * math.sqrt(squared) + float(ndtri(wanted)) * within
    return max(1, math.ceil((root / size) ** 2))
