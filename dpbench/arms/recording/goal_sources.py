"""Who leads the arm while demonstrations are recorded: a person's device, a person's hand, or a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Waypoint
from dpbench.arms.station import Station
from dpbench.arms.teleoperation.teleoperators import Teleoperator, moved
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy


class GoalSource(Protocol):
    """Gives the next goal of the tool, once a control period.

    Attributes:
        help: what a person is told while they lead the arm, in one line; nothing where empty.
    """

    help: str

    @property
    def hand_guided(self) -> bool:
        """Whether the arm is moved by hand, and `goal` is never asked."""
        ...

    def begin(self, seed: int) -> None:
        """An episode starts."""
        ...

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:
        """The next goal, due one control period after `before`.

        Args:
            observation: flat key -> the newest value, without batch or time.
            before: the goal before it.
            pressed: keys since the last call.
        """
        ...


class TeleoperatedGoals:
    """A keyboard or SpaceMouse."""

    hand_guided = False

    def __init__(self, operator: Teleoperator, station: Station, period_s: float) -> None:
        self._operator, self._limits, self._period_s = operator, station.limits, period_s
        self.help = operator.help

    def begin(self, seed: int) -> None:  # noqa: ARG002  # a person draws no numbers
        """See `Guide`."""
        self._operator.reset()

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:  # noqa: ARG002
        """See `Guide`."""
        return moved(before, self._operator.twist(pressed), self._period_s, self._limits.low, self._limits.high)


class HandGuided:
    """A person leads the arm itself (kinesthetic teaching)."""

    hand_guided, help = True, ""

    def begin(self, seed: int) -> None:
        """See `Guide`."""

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:  # noqa: ARG002
        """Never asked; the arm is where the hand has put it."""
        return before


class ScriptedGoals:
    """A scripted policy, such as a task's demonstrator."""

    hand_guided, help = False, ""

    def __init__(self, policy: Policy, station: Station, period_s: float) -> None:
        self._policy, self._station, self._period_s = policy, station, period_s
        self._noise = NoiseStreams.from_seeds(0, [0])

    def begin(self, seed: int) -> None:
        """See `Guide`."""
        self._policy.reset()
        self._noise = NoiseStreams.from_seeds(0, [seed])

    def goal(self, observation: Mapping[str, NDArray[Any]], before: Waypoint, pressed: Sequence[str]) -> Waypoint:  # noqa: ARG002
        """See `Guide`."""
        batch = {key: np.asarray(value)[None, None] for key, value in observation.items()}
        actions = self._policy.act(batch, self._noise)[0, :1]
        return self._station.waypoints(actions, (before.time_s + self._period_s,), before)[0]
