"""The plan that a chunk shows, and the demonstrator's known distribution of chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.behaviour import Behaviour
from dpbench.spec import TaskSpec

from .demonstrator import path, sample_chunks, way_probabilities
from .drawing import to_pixels
from .scene import ROWS_Y_M, START_STD_M
from .task import MODES

CLEAR_M = 4 * START_STD_M
"""The distances of two gaps to a chunk must differ by this, or the chunk shows no plan."""
_WAYS = np.arange(len(MODES))


class KnownDistribution:
    """The demonstrator's distribution given a position: a `dpbench.metrics.behaviour.ConditionalDemonstrator`.

    Attributes:
        probe_steps: steps of a demonstration at which policies are compared: the start, and just after the first and
            the second row, where the next gap is open again.
        radius_m: a chunk is valid when its mean distance to one of the remaining ways is below this, four standard
            deviations of the demonstrator's.
    """

    probe_steps = (0, 10, 22)
    radius_m = 4 * START_STD_M

    def sample(
        self, observation: Mapping[str, NDArray[Any]], n_samples: int, n_steps: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Chunks `(N, n_steps, 2)` m."""
        return sample_chunks(observation["agent_pos"], n_samples, n_steps, rng)[0]

    def distance(
        self, observation: Mapping[str, NDArray[Any]], chunks: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """Mean distance along x of chunks `(N, n, 2)` to the nearest possible way, `(N,)` m."""
        possible = _WAYS[way_probabilities(observation["agent_pos"]) > 1e-6]
        nearest: NDArray[np.float64] = _distances(possible, chunks).min(axis=0)
        return nearest


def behaviour(task: TaskSpec) -> Behaviour:  # noqa: ARG001  # one for state and pictures
    """Plans, chunks drawn into images, and the demonstrator's distribution."""
    return Behaviour(plan_of, chunk_pixels, KnownDistribution())


def plan_of(
    agent_pos: NDArray[np.floating[Any]],
    environment_state: NDArray[np.floating[Any]] | None,  # noqa: ARG001  # the last target adds nothing
    chunk: NDArray[np.floating[Any]],
) -> tuple[str, str] | None:
    """The gap of the next row that a chunk `(n, 2)` of targets heads for; None if it is undecided or past all rows."""
    row = int(np.searchsorted(ROWS_Y_M, float(agent_pos[1]), side="right"))
    if row >= len(ROWS_Y_M):
        return None
    distances = _distances(_WAYS, chunk[None])[:, 0]  # (24,)
    gaps = np.array([int(mode[row]) for mode in MODES])
    nearest = {gap: float(distances[gaps == gap].min()) for gap in np.unique(gaps).tolist()}
    first, second = sorted(nearest, key=lambda gap: nearest[gap])[:2]
    if nearest[second] - nearest[first] < CLEAR_M:
        return None
    return f"row {row}", f"gap {first}"


def chunk_pixels(
    agent_pos: NDArray[np.floating[Any]],  # noqa: ARG001  # targets are positions already
    environment_state: NDArray[np.floating[Any]] | None,  # noqa: ARG001
    chunks: NDArray[np.floating[Any]],
    size_px: int,
) -> NDArray[np.float64]:
    """Targets `(N, n, 2)` m as columns and rows of an image."""
    return to_pixels(chunks.astype(np.float64), size_px)


def _distances(ways: NDArray[np.intp], chunks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean distance along x of each chunk `(N, n, 2)` to each way `(W,)`: `(W, N)` m."""
    shape = (len(ways), *chunks.shape[:2])
    heights = np.broadcast_to(chunks[..., 1].astype(np.float64), shape)
    curves = path(np.broadcast_to(ways[:, None, None], shape), heights)
    distances: NDArray[np.float64] = np.abs(chunks[..., 0] - curves).mean(axis=2)
    return distances
