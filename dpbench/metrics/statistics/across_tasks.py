"""One figure for a method over many tasks: interquartile mean, performance profile, probability of improvement.

Source: Agarwal et al. 2021 (arXiv 2108.13264), Sec. 4. There, a task has N runs, one a training seed, and the bootstrap
resamples the runs of each task (stratified). Two differences:

- A run's score is its success rate over starts, which are few. So the bootstrap resamples a task's starts, too, the
  same ones for all methods; with one training seed the run alone would have no spread at all.
- Tasks count alike, whatever their number of training seeds. With equally many this is the paper's definition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.statistics.intervals import Estimate

N_RESAMPLES = 2000
Scores = Sequence[NDArray[np.float64]]
"""Scores of runs, an array `(B, R)` a task: B resamples of R training seeds, of which the first is the data itself."""


def resampled(outcomes: Sequence[Sequence[NDArray[np.float64]]], rng: np.random.Generator) -> tuple[Scores, ...]:
    """The scores of each method, and those of resampled starts and training seeds.

    Args:
        outcomes: success rate of each training seed at each start, `(R, S)`, by method and task; all methods have the
            same starts of a task.
        rng: the only source of randomness.

    Returns:
        The scores of each method.
    """
    scores: list[list[NDArray[np.float64]]] = [[] for _ in outcomes]
    for of_task in zip(*outcomes, strict=True):
        n_starts = of_task[0].shape[1]
        counts = rng.multinomial(n_starts, np.full(n_starts, 1 / n_starts), size=N_RESAMPLES)
        counts[0] = 1
        for method, rates in enumerate(of_task):
            n_seeds = len(rates)
            drawn = rng.integers(n_seeds, size=(N_RESAMPLES, n_seeds))
            drawn[0] = np.arange(n_seeds)
            runs = counts @ rates.T / n_starts  # (B, R)
            scores[method].append(np.take_along_axis(runs, drawn, axis=1))
    return tuple(scores)


def interquartile_mean(scores: Scores) -> NDArray[np.float64]:
    """Mean of the middle half of all runs, `(B,)`: robust against single tasks, and less noisy than the median.

    A run at the edge of the middle half counts in part, so that exactly half of the weight is averaged.
    """
    values = np.concatenate(scores, axis=1)
    weights = np.concatenate([np.full(each.shape, 1 / (len(scores) * each.shape[1])) for each in scores], axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    sorted_values = np.take_along_axis(values, order, axis=1)
    ends = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    inside = np.diff(np.clip(ends, 0.25, 0.75), axis=1, prepend=0.25)
    return np.asarray(2 * (sorted_values * inside).sum(axis=1), dtype=np.float64)


def performance_profile(scores: Scores, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of runs whose score is above each threshold, `(B, T)`, mean over tasks (Agarwal et al. 2021, Sec. 4.2).

    Args:
        scores: of a method.
        thresholds: `(T,)`.
    """
    shares = [(each[:, :, None] > thresholds).mean(axis=1) for each in scores]
    return np.asarray(np.mean(shares, axis=0), dtype=np.float64)


def probability_of_improvement(first: Scores, second: Scores) -> NDArray[np.float64]:
    """Chance that a run of the first method is better than one of the second, on a task drawn at random, `(B,)`.

    Equal runs count half (Agarwal et al. 2021, Sec. 4.3: the Mann-Whitney statistic of each task, mean over tasks).

    Args:
        first: scores of a method.
        second: of another one, on the same tasks.
    """
    of_tasks = []
    for one, other in zip(first, second, strict=True):
        left, right = one[:, :, None], other[:, None, :]  # (B, R, 1), (B, 1, R')
        of_tasks.append(((left > right) + 0.5 * (left == right)).mean(axis=(1, 2)))
    return np.asarray(np.mean(of_tasks, axis=0), dtype=np.float64)


def estimate(values: NDArray[np.float64]) -> Estimate:
    """The value of the data, with the percentiles of the resamples.

    Args:
        values: `(B,)`, the first of the data itself.
    """
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Estimate(float(values[0]), float(low), float(high))
