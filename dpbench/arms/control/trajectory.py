"""The path through time-stamped waypoints: places by straight lines, orientations by slerp (Shoemake 1985)."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dpbench.arms.driver import Vector, Waypoint
from dpbench.errors import ConfigError
from dpbench.rotations import rotvec_between, slerp, vector_length

SHARP = 0.5
"""Cosine of the largest change of direction at a waypoint, 60 degrees, that the arm need not brake for."""


@dataclass(frozen=True)
class Ahead:
    """How a path goes on, so that `safety.step` can go with it and brake in time.

    Attributes:
        velocity: of the path, `(..., 3)` m/s.
        rest: the way left until the path ends, pauses or turns sharply: `(..., 3)` m, as if it went straight on.
        turn: angular velocity of the path, `(..., 3)` rad/s in the base frame.
        rest_turn: the turn left, `(..., 3)` rad, in the same sense.
    """

    velocity: Vector
    rest: Vector
    turn: Vector
    rest_turn: Vector


@dataclass(frozen=True)
class Trajectory:
    """Waypoints in the order of their times; before the first and behind the last the arm holds.

    Attributes:
        waypoints: at least one, times increasing.
    """

    waypoints: tuple[Waypoint, ...]

    def __post_init__(self) -> None:
        times = self.times_s
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ConfigError(f"waypoints at {times}: expected at least one, and times that increase.")

    @cached_property
    def times_s(self) -> list[float]:
        """Of the waypoints."""
        return [waypoint.time_s for waypoint in self.waypoints]

    @property
    def end_s(self) -> float:
        """Time of the last waypoint."""
        return self.waypoints[-1].time_s

    def n_after(self, time_s: float) -> int:
        """How many waypoints are due after a time."""
        return len(self.waypoints) - bisect.bisect_right(self.times_s, time_s)

    def at(self, time_s: float) -> Waypoint:
        """Where the tool should be at a time."""
        number = bisect.bisect_right(self.times_s, time_s)
        if number == 0:
            return _at_time(self.waypoints[0], time_s)
        if number == len(self.waypoints):
            return _at_time(self.waypoints[-1], time_s)
        before, after = self.waypoints[number - 1], self.waypoints[number]
        share = (time_s - before.time_s) / (after.time_s - before.time_s)
        return Waypoint(
            time_s,
            before.position + share * (after.position - before.position),
            slerp(before.quaternion, after.quaternion, share),
            before.gripper_m + share * (after.gripper_m - before.gripper_m),
        )

    def ahead(self, time_s: float, dt_s: float) -> Ahead:
        """How the path comes to where it is at a time in the last `dt_s`, and goes on from there."""
        here, before = self.at(time_s), self.at(time_s - dt_s)
        velocity = (here.position - before.position) / dt_s
        turn = rotvec_between(before.quaternion, here.quaternion) / dt_s
        number = bisect.bisect_right(self.times_s, time_s)
        if number == 0 or number == len(self.waypoints):
            return Ahead(velocity, np.zeros(3), turn, np.zeros(3))
        start_s, end_s = self.times_s[number - 1 : number + 1]
        left = (end_s - time_s) / (end_s - start_s)
        rest, rest_turn = (
            ways[number - 1] * left + directions[number - 1] * beyond[number - 1]
            for ways, directions, beyond in (self._places, self._turns)
        )
        return Ahead(velocity, rest, turn, rest_turn)

    def replaced(self, now_s: float, waypoints: Sequence[Waypoint]) -> Trajectory:
        """This path up to `now_s`, then through new waypoints; those that are past already are dropped.

        Without a later waypoint the rest of the old path stays.
        """
        ahead = sorted((waypoint for waypoint in waypoints if waypoint.time_s > now_s), key=lambda one: one.time_s)
        if not ahead:
            return self
        kept = {ahead[0].time_s: ahead[0]} | {waypoint.time_s: waypoint for waypoint in ahead}
        return Trajectory((self.at(now_s), *kept.values()))

    @cached_property
    def _places(self) -> tuple[Vector, Vector, Vector]:
        return _stretches(np.diff([waypoint.position for waypoint in self.waypoints], axis=0))

    @cached_property
    def _turns(self) -> tuple[Vector, Vector, Vector]:
        quaternions = np.array([waypoint.quaternion for waypoint in self.waypoints])
        return _stretches(rotvec_between(quaternions[:-1], quaternions[1:]))


def _stretches(ways: Vector) -> tuple[Vector, Vector, Vector]:
    """Ways `(n, 3)` between waypoints, their directions, and how far each goes on without a sharp turn `(n,)`."""
    lengths = vector_length(ways)
    directions = ways / np.maximum(lengths, 1e-12)
    straight = (directions[1:] * directions[:-1]).sum(axis=-1) > SHARP
    beyond = np.zeros(len(ways))
    for number in range(len(ways) - 2, -1, -1):
        beyond[number] = (lengths[number + 1, 0] + beyond[number + 1]) * straight[number]
    return ways, directions, beyond


def _at_time(waypoint: Waypoint, time_s: float) -> Waypoint:
    return Waypoint(time_s, waypoint.position, waypoint.quaternion, waypoint.gripper_m)
