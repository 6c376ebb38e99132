"""Two policies that ran the same starts: is one better, and by how much?

A start is easy or hard for both, so the two are compared start by start. What varies independently is the start: all
episodes from one (repeats with other sampler seeds, policies of other training seeds) are one cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from dpbench.metrics.statistics.intervals import N_RESAMPLES, Estimate

FINEST = 1000
"""Success rates of a start are kept as whole multiples of 1/1000 at least, where their denominators are larger."""


@dataclass(frozen=True)
class Paired:
    """A policy's successes and trials at each start that it shares with another policy.

    Attributes:
        successes: `(S,)`.
        trials: `(S,)`, from 1.
    """

    successes: NDArray[np.int64]
    trials: NDArray[np.int64]

    @property
    def rates(self) -> NDArray[np.float64]:
        """Success rate of each start, `(S,)`."""
        return np.asarray(self.successes / self.trials, dtype=np.float64)


def exact_paired_test(first: Paired, second: Paired) -> float:
    """Two-sided p-value of "both succeed equally often", exact for any number of starts.

    The difference of the two success rates at a start keeps its size and gets either sign with probability 1/2: that is
    the null hypothesis, under which the two policies could change places at any start. The p-value is the probability
    of a sum at least as large as the observed one. With one trial a start this is McNemar's exact test (the differences
    are -1, 0 and 1, and the sum is binomial); with several it is the sign-flip test of clusters.

    Sources: McNemar 1947; Fisher 1935, Sec. 21 (sign-flip test); Gail et al. 1996 (the same for whole clusters).

    Args:
        first: of one policy.
        second: of the other, at the same starts.
    """
    unit = min(FINEST, int(np.lcm.reduce(np.concatenate([first.trials, second.trials]))))
    differences = np.rint(unit * (first.rates - second.rates)).astype(np.int64)
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    total = int((sizes * counts).sum())  # the sum lies between -total and total, in steps of 2
    chances = np.ones(1)
    for size, count in zip(sizes, counts, strict=True):  # number of plus signs among the differences of one size
        spread = np.zeros(size * count + 1)
        plus = np.arange(count + 1)
        ways = gammaln(count + 1) - gammaln(plus + 1) - gammaln(count - plus + 1)
        spread[::size] = np.exp(ways - count * np.log(2))
        chances = np.convolve(chances, spread)
    sums = 2 * np.arange(total + 1) - total
    return min(1.0, float(chances[np.abs(sums) >= abs(int(differences.sum()))].sum()))


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval, and the p-value of "there is none"."""

    estimate: Estimate
    p_value: float


def paired_bootstrap(differences: NDArray[np.float64], rng: np.random.Generator) -> tuple[Difference, ...]:
    """Mean differences of many pairs on the same starts; all pairs use the same resampled starts.

    The interval has the percentiles of the means of resampled starts. The p-value is that of the sign-flip test, as in
    `exact_paired_test`, with 10,000 random flips: a studentised bootstrap breaks down where nearly all starts end
    alike, as scores do that reach their highest value.

    Sources: Davison & Hinkley 1997, Sec. 3.8 (whole clusters) and 5.3.1 (percentiles); Fisher 1935, Sec. 21.

    Args:
        differences: of the mean values at each start, `(pairs, S)`.
        rng: the only source of randomness.
    """
    n_starts = differences.shape[1]
    means = differences.mean(axis=1)  # (pairs,)
    counts = rng.multinomial(n_starts, np.full(n_starts, 1 / n_starts), size=N_RESAMPLES)
    lows, highs = np.quantile(counts.astype(np.float64) @ differences.T / n_starts, [0.025, 0.975], axis=0)
    signs = 2.0 * rng.integers(2, size=(N_RESAMPLES, n_starts)) - 1
    # A hair below: sums of the same numbers in another order differ in their last digits.
    extreme = np.abs(signs @ differences.T) >= np.abs(means) * n_starts * (1 - 1e-12) - 1e-12
    p_values = (1 + extreme.sum(axis=0)) / (N_RESAMPLES + 1)
    return tuple(
        Difference(Estimate(*map(float, each)), float(p_value))
        for *each, p_value in zip(means, lows, highs, p_values, strict=True)
    )
