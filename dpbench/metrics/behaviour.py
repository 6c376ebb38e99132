"""What a task says of behaviour: plans, chunks in a picture, a known action distribution (numpy only)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Plan = tuple[str, str]
"""A question and its answer, such as `("row 2", "gap 1")`."""


class PlanOf(Protocol):
    """Reads what a chunk of actions heads for."""

    def __call__(
        self,
        agent_pos: NDArray[np.floating[Any]],
        environment_state: NDArray[np.floating[Any]] | None,
        chunk: NDArray[np.floating[Any]],
        /,
    ) -> Plan | None:
        """The plan of a chunk, None where it shows none.

        Args:
            agent_pos: `(Na,)`, before the chunk.
            environment_state: `(Ne,)`, before the chunk; None for a task that does not observe it.
            chunk: `(n, Da)` executed actions, in the task's units.
        """
        ...


class ChunkPixels(Protocol):
    """Draws chunks of actions into a picture of the scene."""

    def __call__(
        self,
        agent_pos: NDArray[np.floating[Any]],
        environment_state: NDArray[np.floating[Any]] | None,
        chunks: NDArray[np.floating[Any]],
        size_px: int,
        /,
    ) -> NDArray[np.float64]:
        """Where chunks `(N, n, Da)` lead: columns and rows `(N, n, 2)` of a square picture of side `size_px`."""
        ...


class ConditionalDemonstrator(Protocol):
    """A demonstrator whose distribution of action chunks is known at every state."""

    @property
    def probe_steps(self) -> Sequence[int]:
        """Steps of a demonstration at whose states policies are asked."""
        ...

    @property
    def radius_m(self) -> float:
        """A chunk further than this from every valid mode is invalid, in the unit of `distance`."""
        ...

    def sample(
        self, observation: Mapping[str, NDArray[Any]], n_samples: int, n_steps: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw `(N, n_steps, Da)` chunks given one observation."""
        ...

    def distance(
        self, observation: Mapping[str, NDArray[Any]], chunks: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """Distance of chunks `(N, n, Da)` to the nearest valid mode, `(N,)`."""
        ...


@dataclass(frozen=True)
class Behaviour:
    """A part of a task: what its behaviour metrics and figures need.

    Attributes:
        plan_of: what a chunk of actions heads for. Answers to the same question by successive chunks of an episode show
            whether a policy is consistent in its plan.
        chunk_pixels: where chunks lead in the task's picture.
        conditional: the scripted demonstrator's distribution of action chunks given a state, where it is known.
    """

    plan_of: PlanOf | None = None
    chunk_pixels: ChunkPixels | None = None
    conditional: ConditionalDemonstrator | None = None
