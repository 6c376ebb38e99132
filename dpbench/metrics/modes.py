"""Behaviour modes: in how many ways a policy succeeds, and whether in the proportions of its demonstrator.

D3IL (Jia et al. 2024, arXiv 2402.14606) defines the entropies. They count rollouts that succeeded and have a mode, as
D3IL does; so do coverage and distances of histograms. K is the number of the task's modes. Entropies of few rollouts
are too small: the Miller-Madow correction adds (K' - 1) / 2n nats for K' modes seen in n rollouts (Miller 1955), at
most up to the maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.metrics.episode import EpisodeSet
from dpbench.metrics.of_episode import mode, success
from dpbench.metrics.statistics.intervals import Estimate, mean

N_RESAMPLES = 2000


def mode_statistics(recorded: EpisodeSet) -> Mapping[str, Estimate]:
    """Entropies and coverage of the modes that rollouts showed, with 95 % intervals; nothing where none are named.

    `conditional_behaviour_entropy` is 0 with one rollout a start.
    """
    task = recorded.task
    if not task.modes:
        return {}
    labels = [mode(episode, task) for episode in recorded.episodes]
    successes = [success(episode, task) for episode in recorded.episodes]
    return summarise_modes(task.modes, labels, successes, recorded.starts.tolist())


@dataclass(frozen=True)
class ModeCounts:
    """How often each mode was seen.

    Attributes:
        counts: successful rollouts of each mode, `(K,)`, in the order of the task's modes.
        n_left_out: rollouts that failed or have no mode.
    """

    counts: NDArray[np.int64]
    n_left_out: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """The histogram, `(K,)`, sums to 1; zeros without a rollout."""
        shares: NDArray[np.float64] = self.counts / max(1, int(self.counts.sum()))
        return shares


def count_modes(modes: Sequence[str], labels: Sequence[str | None], successes: Sequence[bool]) -> ModeCounts:
    """Count the labels of successful rollouts.

    Args:
        modes: all modes of the task.
        labels: mode of each rollout, None for one without.
        successes: whether each succeeded.

    Raises:
        DataError: for a label that is no mode of the task.
    """
    places = {mode: place for place, mode in enumerate(modes)}
    counts = np.zeros(len(modes), dtype=np.int64)
    for label, solved in zip(labels, successes, strict=True):
        if label is not None and label not in places:
            raise DataError(f"mode {label!r} is none of the task's: {', '.join(modes)}.")
        if solved and label is not None:
            counts[places[label]] += 1
    return ModeCounts(counts, len(labels) - int(counts.sum()))


def summarise_modes(
    modes: Sequence[str], labels: Sequence[str | None], successes: Sequence[bool], starts: Sequence[int]
) -> dict[str, Estimate]:
    """See `mode_statistics`.

    Args:
        modes: all modes of the task.
        labels: mode of each rollout, None for one without.
        successes: whether each succeeded.
        starts: start seed of each.
    """
    counted = count_modes(modes, labels, successes)
    numbers = np.repeat(np.arange(len(modes)), counted.counts)
    places = np.unique(np.asarray(starts), return_inverse=True)[1]
    by_start = np.stack(
        [
            count_modes(
                modes,
                [label for label, at in zip(labels, places, strict=True) if at == place],
                [solved for solved, at in zip(successes, places, strict=True) if at == place],
            ).counts
            for place in range(places.max() + 1)
        ]
    )
    rng = np.random.default_rng(0)  # one stream, drawn from in this order

    def corrected(counts: NDArray[np.int64]) -> float:
        return behaviour_entropy(counts, miller_madow=True)

    return {
        "behaviour_entropy": bootstrap(behaviour_entropy, numbers, len(modes), rng),
        "behaviour_entropy_corrected": bootstrap(corrected, numbers, len(modes), rng),
        "conditional_behaviour_entropy": conditional_behaviour_entropy(by_start, rng),
        "mode_coverage": bootstrap(mode_coverage, numbers, len(modes), rng),
    }


def behaviour_entropy(counts: NDArray[np.int64], miller_madow: bool = False) -> float:
    """Entropy of the modes to the base of their number K, 0 to 1; 0 without a rollout.

    Args:
        counts: `(K,)`, K at least 2.
        miller_madow: correct for few rollouts.
    """
    n, n_modes = int(counts.sum()), len(counts)
    if n == 0:
        return 0.0
    shares = counts[counts > 0] / n
    nats = float(-(shares * np.log(shares)).sum())
    if miller_madow:
        nats += (len(shares) - 1) / (2 * n)
    return min(1.0, nats / float(np.log(n_modes)))


def conditional_behaviour_entropy(
    counts_by_start: NDArray[np.int64],
    rng: np.random.Generator,
    miller_madow: bool = False,
    empty_counts: bool = True,
) -> Estimate:
    """Mean over starts of the entropy of the rollouts from each, 0 to 1, with its interval over starts.

    Args:
        counts_by_start: `(S, K)`.
        rng: for the bootstrap.
        miller_madow: correct each start's entropy for few rollouts.
        empty_counts: a start without a successful rollout counts as 0 (D3IL's aligning and pushing); False leaves
            it out (its sorting and stacking).
    """
    wanted = counts_by_start if empty_counts else counts_by_start[counts_by_start.sum(axis=1) > 0]
    if len(wanted) == 0:
        return Estimate(0.0, 0.0, 1.0)
    entropies = np.array([behaviour_entropy(counts, miller_madow) for counts in wanted])
    return mean(entropies, np.arange(len(entropies)), rng)


def mode_coverage(counts: NDArray[np.int64]) -> float:
    """Share of modes with at least one rollout, 0 to 1."""
    return float((counts > 0).mean())


Histograms = NDArray[np.float64]
"""Shares of modes, `(..., K)`."""


def total_variation(first: Histograms, second: Histograms) -> NDArray[np.float64]:
    """Half the sum of absolute differences of histograms `(..., K)`, 0 to 1, `(...)`."""
    distances: NDArray[np.float64] = np.abs(first - second).sum(axis=-1) / 2
    return distances


def jensen_shannon(first: Histograms, second: Histograms) -> NDArray[np.float64]:
    """Mean divergence of histograms `(..., K)` from their middle, in bits, 0 to 1, `(...)`."""
    middle = (first + second) / 2

    def divergence(shares: Histograms) -> NDArray[np.float64]:
        ratios = np.divide(shares, middle, out=np.ones_like(shares), where=shares > 0)  # 0 log 0 = 0
        summed: NDArray[np.float64] = (shares * np.log2(ratios)).sum(axis=-1)
        return summed

    return (divergence(first) + divergence(second)) / 2


def histogram_distance(
    distance: Callable[[Histograms, Histograms], NDArray[np.float64]],
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
) -> Estimate:
    """A distance of two mode histograms with its 95 % interval over the rollouts of both (basic bootstrap, in [0, 1]).

    Rounded to nine decimals: logarithms differ in the last bit from one kind of CPU to another.

    Args:
        distance: `total_variation` or `jensen_shannon`.
        ours: counts `(K,)`, at least one.
        theirs: counts `(K,)`, at least one.
    """
    rng = np.random.default_rng(0)
    shares, other = ours / ours.sum(), theirs / theirs.sum()
    mine, their = (
        rng.multinomial(counts.sum(), part, N_RESAMPLES) for counts, part in ((ours, shares), (theirs, other))
    )
    found = _basic(float(distance(shares, other)), distance(mine / ours.sum(), their / theirs.sum()))
    return Estimate(round(found.mean, 9), round(found.low, 9), round(found.high, 9))


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], labels: NDArray[np.int64], n_modes: int, rng: np.random.Generator
) -> Estimate:
    """A statistic of mode counts with its 95 % bootstrap interval over rollouts.

    The basic interval (Davison & Hinkley 1997, Eq. 5.6), since entropies of resampled rollouts are smaller than that of
    the rollouts themselves by about as much as that is smaller than the truth; clipped to [0, 1].

    Args:
        statistic: of counts `(K,)`.
        labels: mode numbers of the successful rollouts, `(n,)`.
        n_modes: K.
        rng: the only source of randomness.
    """
    value = statistic(np.bincount(labels, minlength=n_modes))
    if len(labels) == 0:
        return Estimate(value, 0.0, 1.0)
    shares = np.bincount(labels, minlength=n_modes) / len(labels)
    resampled = [statistic(counts) for counts in rng.multinomial(len(labels), shares, size=N_RESAMPLES)]
    return _basic(value, np.array(resampled))


def _basic(value: float, resampled: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value, float(np.clip(2 * value - high, 0, 1)), float(np.clip(2 * value - low, 0, 1)))
