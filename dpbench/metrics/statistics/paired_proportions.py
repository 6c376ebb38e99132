"""The difference of two success rates from the same trials."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.statistics.intervals import Z_95, Estimate


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_], clusters: NDArray[np.int64]) -> Estimate:
    """Success rate of `first` minus that of `second`, with the adjusted Wald interval for pairs.

    Unlike a bootstrap, it does not shrink to a point where no pair differs. Several trials from one start count as many
    times as independent ones would: their number is divided by the design effect of the differences, kept between 1
    and the number of repeats.

    Sources: Bonett & Price 2012 (J. Educ. Behav. Stat. 37(4), adjusted Wald interval for paired proportions); Korn &
    Graubard 1998 (effective sample size).

    Args:
        first: `(N,)`.
        second: of the same trials, `(N,)`.
        clusters: start of each trial, `(N,)`.
    """
    gained, lost = (first & ~second).mean(), (second & ~first).mean()
    n_trials = _effective(first.astype(float) - second.astype(float), clusters)
    more, less = ((share * n_trials + 1) / (n_trials + 2) for share in (gained, lost))
    half = Z_95 * math.sqrt((more + less - (more - less) ** 2) / (n_trials + 2))
    return Estimate(float(gained - lost), float(max(-1.0, more - less - half)), float(min(1.0, more - less + half)))


def _effective(differences: NDArray[np.float64], clusters: NDArray[np.int64]) -> float:
    """Number of independent trials whose mean difference would vary as that of the starts does."""
    _, numbers = np.unique(clusters, return_inverse=True)
    means = np.bincount(numbers, weights=differences) / np.bincount(numbers)
    n_clusters = len(means)
    spread = float(np.var(means, ddof=1)) / n_clusters if n_clusters > 1 else 0.0
    effective = float(np.var(differences)) / spread if spread > 0 else n_clusters
    return min(max(effective, n_clusters), len(differences))
