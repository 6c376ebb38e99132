"""From values of single episodes to one number with a 95 % interval, over starts or over training seeds and starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.statistics.intervals import Estimate, crossed_mean, crossed_proportion, mean, proportion

BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Estimator:
    """A way to estimate.

    Attributes:
        interval: what the interval is, in words.
        over_starts: `(values (N,), starts (N,)) -> Estimate` of one policy.
        over_seeds: `(values (N,), starts (N,), seeds (N,)) -> Estimate` over training seeds.
    """

    interval: str
    over_starts: Callable[[NDArray[Any], NDArray[np.int64]], Estimate]
    over_seeds: Callable[[NDArray[Any], NDArray[np.int64], NDArray[np.int64]], Estimate]


def _mean(values: NDArray[Any], starts: NDArray[np.int64]) -> Estimate:
    return mean(values.astype(np.float64), starts, np.random.default_rng(BOOTSTRAP_SEED))


def _crossed_mean(values: NDArray[Any], starts: NDArray[np.int64], seeds: NDArray[np.int64]) -> Estimate:
    return crossed_mean(values.astype(np.float64), starts, seeds, np.random.default_rng(BOOTSTRAP_SEED))


def _crossed_proportion(values: NDArray[Any], starts: NDArray[np.int64], seeds: NDArray[np.int64]) -> Estimate:
    return crossed_proportion(values, starts, seeds, np.random.default_rng(BOOTSTRAP_SEED))


PROPORTION = Estimator("Wilson, effective number of trials", proportion, _crossed_proportion)
"""Wilson 1927; repeats of a start count as one cluster (Korn & Graubard 1998), over training seeds as the crossed
bootstrap has it (Owen 2007)."""
MEAN = Estimator("bootstrap over starts and training seeds", _mean, _crossed_mean)
"""Percentiles, over whole starts (Davison & Hinkley 1997, Sec. 3.8) or, with several seeds, crossed (Owen 2007)."""
