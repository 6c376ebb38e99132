"""Intervals that hold up: trials that share a start state are not independent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964
N_RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def text(self, decimals: int) -> str:
        """As tables show it: `0.52 [0.33, 0.71]`."""
        return f"{self.mean:.{decimals}f} [{self.low:.{decimals}f}, {self.high:.{decimals}f}]"


def proportion(successes: NDArray[np.bool_], clusters: NDArray[np.int64]) -> Estimate:
    """A success rate with Wilson's interval for the effective number of trials.

    Repeating a start with another sampler seed adds less than a new start does: the number of trials is divided by the
    design effect, which is estimated from the spread of the means of the starts and kept between 1 and the number of
    repeats. Without repeats this is Wilson's interval.

    Sources: Wilson 1927; Korn & Graubard 1998 (effective sample size in intervals for proportions).

    Args:
        successes: `(N,)`.
        clusters: start of each trial, `(N,)`.
    """
    means = cluster_means(successes.astype(np.float64), clusters)
    rate = float(np.mean(means))
    return _wilson(rate, effective_trials(rate * (1 - rate), means, len(successes)))


def effective_trials(variance: float, means: NDArray[np.float64], n_trials: int) -> float:
    """Number of independent trials whose mean would vary as that of the clusters does (Korn & Graubard 1998).

    Args:
        variance: of a single trial.
        means: of each cluster, `(C,)`.
        n_trials: of all clusters; the result lies between their number and this.
    """
    n_clusters = len(means)
    spread = float(np.var(means, ddof=1)) / n_clusters if n_clusters > 1 else 0.0
    effective = variance / spread if spread > 0 else float(n_clusters)
    return min(max(effective, n_clusters), n_trials)


def trials_of(interval: Estimate) -> float:
    """The effective number of trials that a Wilson's interval stands for: the inverse of its width.

    With a = z^2 / n and h half of the width, h^2 (1 + a)^2 = a p (1 - p) + a^2 / 4 has one positive solution.

    Args:
        interval: of `proportion` or `crossed_proportion`.

    Returns:
        The number; infinity for an interval without a width, 0 for one that says nothing.
    """
    half, variance = (interval.high - interval.low) / 2, interval.mean * (1 - interval.mean)
    if not 0 < half < 0.5:
        return math.inf if half <= 0 else 0.0
    square, linear = half**2 - 0.25, 2 * half**2 - variance
    ratio = (-linear - math.sqrt(linear**2 - 4 * square * half**2)) / (2 * square)
    return Z_95**2 / ratio


def _wilson(rate: float, n_trials: float) -> Estimate:
    centre = (rate + Z_95**2 / (2 * n_trials)) / (1 + Z_95**2 / n_trials)
    half = Z_95 / (1 + Z_95**2 / n_trials) * math.sqrt(rate * (1 - rate) / n_trials + Z_95**2 / (4 * n_trials**2))
    return Estimate(rate, max(0.0, centre - half), min(1.0, centre + half))


def mean(values: NDArray[np.float64], clusters: NDArray[np.int64], rng: np.random.Generator) -> Estimate:
    """A mean with the percentile bootstrap interval over starts (whole starts are resampled, with all their repeats).

    Source: Davison & Hinkley 1997, Sec. 3.8 (cluster bootstrap).

    Args:
        values: `(N,)`.
        clusters: start of each trial, `(N,)`.
        rng: the only source of randomness.
    """
    means = cluster_means(values, clusters)
    resampled = means[rng.integers(len(means), size=(N_RESAMPLES, len(means)))].mean(axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(float(means.mean()), float(low), float(high))


def crossed_mean(
    values: NDArray[np.float64], starts: NDArray[np.int64], seeds: NDArray[np.int64], rng: np.random.Generator
) -> Estimate:
    """A mean over training seeds and starts, with the percentile bootstrap that resamples both.

    Every trained policy meets the same starts, so the two are crossed: seeds and starts are resampled independently.
    Three seeds are few to resample; the interval is then rather too narrow than too wide.

    Source: Owen 2007 (arXiv 0712.1111, "pigeonhole" bootstrap of crossed factors).

    Args:
        values: `(N,)`.
        starts: start of each trial, `(N,)`.
        seeds: training seed of each trial, `(N,)`; every seed has met every start.
        rng: the only source of randomness.
    """
    resampled, value, _ = _crossed_bootstrap(values, starts, seeds, rng)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def crossed_proportion(
    successes: NDArray[np.bool_], starts: NDArray[np.int64], seeds: NDArray[np.int64], rng: np.random.Generator
) -> Estimate:
    """A success rate over training seeds and starts, with Wilson's interval for the effective number of trials.

    The number of trials is that of independent ones whose rate would vary as the bootstrap of `crossed_mean` does;
    where nothing varies (all failed, or all succeeded) it is the number of starts.

    Args:
        successes: `(N,)`.
        starts: start of each trial, `(N,)`.
        seeds: training seed of each trial, `(N,)`; every seed has met every start.
        rng: the only source of randomness.
    """
    resampled, rate, n_starts = _crossed_bootstrap(successes.astype(np.float64), starts, seeds, rng)
    spread = float(np.var(resampled))
    effective = rate * (1 - rate) / spread if spread > 0 else float(n_starts)
    return _wilson(rate, min(max(effective, 1.0), len(successes)))


def _crossed_bootstrap(
    values: NDArray[np.float64], starts: NDArray[np.int64], seeds: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], float, int]:
    """Means of resampled seeds and starts, the mean itself, and the number of starts."""
    means = np.stack([cluster_means(values[seeds == seed], starts[seeds == seed]) for seed in np.unique(seeds)])
    n_seeds, n_starts = means.shape
    drawn_seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=N_RESAMPLES) / n_seeds
    drawn_starts = rng.multinomial(n_starts, np.full(n_starts, 1 / n_starts), size=N_RESAMPLES) / n_starts
    resampled = np.einsum("ri,ij,rj->r", drawn_seeds, means, drawn_starts, optimize=True)
    return resampled, float(means.mean()), n_starts


def cluster_means(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of each cluster, `(N,)` and `(N,)` to `(C,)`, by ascending number of the cluster."""
    _, numbers = np.unique(clusters, return_inverse=True)
    means: NDArray[np.float64] = np.bincount(numbers, weights=values) / np.bincount(numbers)
    return means
