"""The plan that a chunk shows, and the demonstrator's known distribution of chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.behaviour import Behaviour
from dpbench.spec import TaskSpec

from .demonstrator import STEP_Y_M, path, sample_chunks, way_probabilities
from .drawing import to_pixels
from .scene import START_STD_M, Course
from .task import MODES, course_of

CLEAR_M = 4 * START_STD_M
"""The distances of two gaps to a chunk must differ by this, or the chunk shows no plan."""
_WAYS = np.arange(len(MODES))


@dataclass(frozen=True)
class KnownDistribution:
    """The demonstrator's distribution given a position: a `dpbench.metrics.behaviour.ConditionalDemonstrator`.

    Attributes:
        course: the course of its task.
        probe_steps: steps of a demonstration at which policies are compared: the start, and just after the first and
            the second row, where the next gap is open again.
        radius_m: a chunk is valid when its mean distance to one of the remaining ways is below this, four standard
            deviations of the demonstrator's.
    """

    course: Course
    radius_m = 4 * START_STD_M

    @property
    def probe_steps(self) -> tuple[int, ...]:
        """See the class; the demonstrator goes ahead by 1 cm a step."""
        return (0, *(round(y / STEP_Y_M) for y in self.course.rows_y_m[:-1]))

    def sample(
        self, observation: Mapping[str, NDArray[Any]], n_samples: int, n_steps: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Chunks `(N, n_steps, 2)` m."""
        return sample_chunks(self.course, observation["agent_pos"], n_samples, n_steps, rng)[0]

    def distance(
        self, observation: Mapping[str, NDArray[Any]], chunks: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """Mean distance along x of chunks `(N, n, 2)` to the nearest possible way, `(N,)` m."""
        possible = _WAYS[way_probabilities(self.course, observation["agent_pos"]) > 1e-6]
        nearest: NDArray[np.float64] = _distances(self.course, possible, chunks).min(axis=0)
        return nearest


def behaviour(task: TaskSpec) -> Behaviour:
    """Plans, chunks drawn into images, and the demonstrator's distribution."""
    course = course_of(task)
    return Behaviour(partial(plan_of, course), partial(chunk_pixels, course), KnownDistribution(course))


def plan_of(
    course: Course,
    agent_pos: NDArray[np.floating[Any]],
    environment_state: NDArray[np.floating[Any]] | None,  # noqa: ARG001  # the last target adds nothing
    chunk: NDArray[np.floating[Any]],
) -> tuple[str, str] | None:
    """The gap of the next row that a chunk `(n, 2)` of targets heads for; None if it is undecided or past all rows."""
    row = int(np.searchsorted(course.rows_y_m, float(agent_pos[1]), side="right"))
    if row >= len(course.rows_y_m):
        return None
    distances = _distances(course, _WAYS, chunk[None])[:, 0]  # (24,)
    gaps = np.array([int(mode[row]) for mode in MODES])
    nearest = {gap: float(distances[gaps == gap].min()) for gap in np.unique(gaps).tolist()}
    first, second = sorted(nearest, key=lambda gap: nearest[gap])[:2]
    if nearest[second] - nearest[first] < CLEAR_M:
        return None
    return f"row {row}", f"gap {first}"


def chunk_pixels(
    course: Course,
    agent_pos: NDArray[np.floating[Any]],  # noqa: ARG001  # targets are positions already
    environment_state: NDArray[np.floating[Any]] | None,  # noqa: ARG001
    chunks: NDArray[np.floating[Any]],
    size_px: int,
) -> NDArray[np.float64]:
    """Targets `(N, n, 2)` m as columns and rows of an image."""
    return to_pixels(course, chunks.astype(np.float64), size_px)


def _distances(course: Course, ways: NDArray[np.intp], chunks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean distance along x of each chunk `(N, n, 2)` to each way `(W,)`: `(W, N)` m."""
    shape = (len(ways), *chunks.shape[:2])
    heights = np.broadcast_to(chunks[..., 1].astype(np.float64), shape)
    curves = path(course, np.broadcast_to(ways[:, None, None], shape), heights)
    distances: NDArray[np.float64] = np.abs(chunks[..., 0] - curves).mean(axis=2)
    return distances
