"""The observation buffer: the newest To observations, the first one repeated until there are so many.

Diffusion Policy pads the start of an episode in the same way (`stack_last_n_obs` of its `multistep_wrapper.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.protocol import Observations


class ObservationBuffer:
    """Histories of a batch of environments that started together.

    Args:
        n_obs_steps: observations that are kept (To).
    """

    def __init__(self, n_obs_steps: int) -> None:
        self._n_obs_steps = n_obs_steps
        self._history: dict[str, NDArray[Any]] = {}

    def add(self, observations: Observations) -> None:
        """Add the newest observations, flat key -> `(B, ...)`."""
        if not self._history:
            self._history = dict(stack_history([observations], self._n_obs_steps))
            return
        for key, value in observations.items():
            history = self._history[key]
            history[:, :-1] = history[:, 1:]
            history[:, -1] = value

    def history(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Flat key -> `(n, To, ...)` of some rows, the newest last; new arrays."""
        return {key: value[rows] for key, value in self._history.items()}


def stack_history(observations: Sequence[Observations], n_obs_steps: int) -> Observations:
    """The newest To of the observations since an episode's start, as one history.

    Args:
        observations: flat key -> `(B, ...)` each, the oldest first; one at least. A single one becomes To copies.
        n_obs_steps: To; the first observation stands for what is missing.

    Returns:
        Flat key -> `(B, To, ...)`, new arrays.
    """
    last = len(observations) - 1
    steps = [max(0, last - age) for age in range(n_obs_steps - 1, -1, -1)]
    return {key: np.stack([observations[step][key] for step in steps], axis=1) for key in observations[-1]}
