"""The difference of two success rates from the same trials."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.statistics.intervals import Z_95, Estimate, cluster_means, effective_trials


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
    differences = first.astype(float) - second.astype(float)
    n_trials = effective_trials(float(np.var(differences)), cluster_means(differences, clusters), len(differences))
    more, less = ((share * n_trials + 1) / (n_trials + 2) for share in (gained, lost))
    half = Z_95 * math.sqrt((more + less - (more - less) ** 2) / (n_trials + 2))
    return Estimate(float(gained - lost), float(max(-1.0, more - less - half)), float(min(1.0, more - less + half)))
