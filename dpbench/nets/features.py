"""The shapes of a task's observations and actions, which decide the sizes of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpbench.spec import TaskSpec


@dataclass(frozen=True)
class Features:
    """Shapes of a task's observations and actions.

    Attributes:
        observations: flat key -> shape without batch and time; pixels as `(3, H, W)`.
        dim_action: action dimensions (Da).
    """

    observations: Mapping[str, tuple[int, ...]]
    dim_action: int

    @classmethod
    def from_task(cls, task: TaskSpec) -> Features:
        """Shapes after normalisation: pixels channel first."""
        shapes = {
            key: (spec.shape[-1], *spec.shape[:-1]) if key.startswith("pixels.") else spec.shape
            for key, spec in task.observations.items()
        }
        return cls(shapes, task.action.dim)

    @property
    def dim_vector(self) -> int:
        """Length of all vector observations of one step together (Do)."""
        return sum(shape[0] for key, shape in self.observations.items() if not key.startswith("pixels."))
