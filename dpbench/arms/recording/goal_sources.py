"""Where the arm's goals come from while a demonstration is recorded: a teleoperator, a person's hand, or a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Waypoint
from dpbench.arms.station import Station
from dpbench.arms.teleoperation.teleoperators import Teleoperator, integrated
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy


class GoalSource(Protocol):
    """Gives the next goal of the tool, once per control period.

    Attributes:
        help: one line for the operator during an episode, or empty.
    """

    help: str

    @property
    def hand_guided(self) -> bool:
        """Whether a person guides the arm by hand; then `goal` is not called."""
        ...

    def begin(self, seed: int) -> None:
        """Start an episode."""
        ...

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:
        """The next goal, due one control period after `before`.

        Args:
            observation: flat key -> the newest value, without batch or time.
            before: the previous goal.
            pressed: keys pressed since the last call.
        """
        ...


class TeleoperatedGoals:
    """Goals moved by a keyboard or a SpaceMouse."""

    hand_guided = False

    def __init__(self, teleoperator: Teleoperator, station: Station, period_s: float) -> None:
        self._teleoperator, self._limits, self._period_s = teleoperator, station.limits, period_s
        self.help = teleoperator.help

    def begin(self, seed: int) -> None:  # noqa: ARG002  # nothing is random
        """See `GoalSource`."""
        self._teleoperator.reset()

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:  # noqa: ARG002
        """See `GoalSource`."""
        twist, limits = self._teleoperator.twist(pressed), self._limits
        return integrated(before, twist, self._period_s, limits.low, limits.high)


class HandGuided:
    """A person guides the arm by hand (kinesthetic teaching)."""

    hand_guided, help = True, ""

    def begin(self, seed: int) -> None:
        """See `GoalSource`."""

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:  # noqa: ARG002
        """Not called: the arm is where the hand has moved it."""
        return before


class ScriptedGoals:
    """Goals of a scripted policy."""

    hand_guided, help = False, ""

    def __init__(self, policy: Policy, station: Station, period_s: float) -> None:
        self._policy, self._station, self._period_s = policy, station, period_s
        self._noise = NoiseStreams.from_seeds(0, [0])

    def begin(self, seed: int) -> None:
        """See `GoalSource`."""
        self._policy.reset()
        self._noise = NoiseStreams.from_seeds(0, [seed])

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:  # noqa: ARG002
        """See `GoalSource`."""
        batch = {key: np.asarray(value)[None, None] for key, value in observation.items()}
        actions = self._policy.act(batch, self._noise)[0, :1]
        return self._station.waypoints(actions, (before.time_s + self._period_s,), before)[0]
