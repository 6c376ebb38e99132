"""The `Policy` protocol: what simulation and arm call to get actions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.noise import NoiseStreams
from dpbench.spec import Horizon

Observations = Mapping[str, NDArray[Any]]
"""Flat key -> array, in the task's units."""


class Policy(Protocol):
    """Anything that acts: a network, a script, the client of a remote server."""

    @property
    def horizon(self) -> Horizon:
        """Observed, predicted and executed steps."""
        ...

    def reset(self) -> None:
        """Forget everything about past episodes."""
        ...

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """A chunk of actions from the observation history.

        Args:
            observations: flat key -> `(B, To, ...)`, in the task's units.
            noise: B streams; the only source of randomness.

        Returns:
            `(B, Ta, Da)` in the task's units.
        """
        ...


@runtime_checkable
class TimesEncoder(Protocol):
    """A Policy that can tell the part of a call that goes into encoding observations."""

    def time_encoder(self, times: list[float]) -> AbstractContextManager[None]:
        """While it is open, append the seconds of every encoding to `times`."""
        ...
