"""Sampled action chunks beside those of a demonstrator whose distribution is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.episode import EpisodeSet, ProbedState
from dpbench.metrics.statistics.intervals import Estimate, mean

BOOTSTRAP_SEED = 0


def chunk_statistics(recorded: EpisodeSet) -> Mapping[str, Estimate | float]:
    """Means over probed states, with 95 % intervals over them; nothing where no state was probed.

    `energy_distance` is a root mean square a coordinate, in units of the action. `mmd` has a kernel as wide as the
    median distance of the demonstrator's chunks. `..._floor` is what two sets of demonstrator chunks have.
    """
    if not recorded.probes:
        return {}
    values = np.array([_of_state(state) for state in recorded.probes])  # (states, 6)
    energy, energy_floor, mmd, mmd_floor, invalid, invalid_floor = values.T
    states = np.arange(len(values))

    def over_states(of_state: NDArray[np.float64]) -> Estimate:
        return mean(of_state, states, np.random.default_rng(BOOTSTRAP_SEED))

    return {
        "probe_states": float(len(values)),
        "probe_samples": float(len(recorded.probes[0].policy)),
        "energy_distance": over_states(energy),
        "energy_distance_floor": float(energy_floor.mean()),
        "mmd": over_states(mmd),
        "mmd_floor": float(mmd_floor.mean()),
        "invalid_share": over_states(invalid),
        "invalid_share_floor": float(invalid_floor.mean()),
    }


def _of_state(state: ProbedState) -> tuple[float, float, float, float, float, float]:
    """Energy distance, MMD and invalid share, each with its floor."""
    width = median_distance(state.demonstrator)
    scale = 1 / np.sqrt(state.policy[0].size)
    return (
        energy_distance(scale * state.policy, scale * state.demonstrator),
        energy_distance(scale * state.again, scale * state.demonstrator),
        maximum_mean_discrepancy(state.policy, state.demonstrator, width),
        maximum_mean_discrepancy(state.again, state.demonstrator, width),
        invalid_share(state.policy_distance, state.radius),
        invalid_share(state.again_distance, state.radius),
    )


def energy_distance(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> float:
    """sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|), in the unit of the action; 0 for equal distributions.

    Unbiased within the sets (a sample is not compared with itself); a negative difference of noise counts as 0.

    Args:
        first: N chunks of any shape, `(N, ...)`.
        second: M chunks, `(M, ...)`.
    """
    x, y = (chunks.reshape(len(chunks), -1).astype(np.float64) for chunks in (first, second))
    squared = 2 * _distances(x, y).mean() - _mean_of_pairs(_distances(x, x)) - _mean_of_pairs(_distances(y, y))
    return float(np.sqrt(max(0.0, squared)))


def maximum_mean_discrepancy(
    first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]], width: float
) -> float:
    """Unbiased squared MMD with a Gaussian kernel, as its root; a negative value of noise counts as 0.

    Args:
        first: `(N, ...)`.
        second: `(M, ...)`.
        width: of the kernel, in the unit of the action; `median_distance` of demonstrations is the usual choice.
    """
    x, y = (chunks.reshape(len(chunks), -1).astype(np.float64) for chunks in (first, second))

    def kernel(distances: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.exp(-(distances**2) / (2 * width**2))
        return values

    within = _mean_of_pairs(kernel(_distances(x, x))) + _mean_of_pairs(kernel(_distances(y, y)))
    return float(np.sqrt(max(0.0, within - 2 * kernel(_distances(x, y)).mean())))


def median_distance(chunks: NDArray[np.floating[Any]]) -> float:
    """Median distance between two different chunks of a set, in the unit of the action."""
    flat = chunks.reshape(len(chunks), -1).astype(np.float64)
    return float(np.median(_distances(flat, flat)[~np.eye(len(flat), dtype=bool)]))


def invalid_share(nearest: NDArray[np.floating[Any]], radius: float) -> float:
    """Share of sampled chunks further than `radius` from every valid mode: the failure of averaging.

    Args:
        nearest: distance of each sample to the nearest valid mode, `(N,)`.
        radius: in the unit of the action.
    """
    return float((nearest > radius).mean())


def _distances(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.sqrt(np.maximum(((x[:, None] - y[None]) ** 2).sum(axis=2), 0.0))
    return distances


def _mean_of_pairs(values: NDArray[np.float64]) -> float:
    n = len(values)
    return float((values.sum() - np.trace(values)) / (n * (n - 1)))
