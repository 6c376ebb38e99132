"""The path through time-stamped waypoints: straight lines for positions, slerp (Shoemake 1985) for orientations."""

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

STRAIGHT = 0.5
"""Cosine of 60 degrees. If the path changes direction by more at a waypoint, the arm brakes for it."""


@dataclass(frozen=True)
class Ahead:
    """How a path continues, so that `safety.step` can match its speed and brake in time.

    Attributes:
        velocity: of the path, `(..., 3)` m/s.
        rest: distance left until the path ends, pauses or turns sharply: `(..., 3)` m along its present direction.
        turn: angular velocity of the path, `(..., 3)` rad/s in the base frame.
        rest_turn: as `rest`, for the rotation, `(..., 3)` rad.
    """

    velocity: Vector
    rest: Vector
    turn: Vector
    rest_turn: Vector


@dataclass(frozen=True)
class Trajectory:
    """Waypoints in the order of their times; the arm holds before the first and after the last.

    Attributes:
        waypoints: at least one, times increasing.
    """

    waypoints: tuple[Waypoint, ...]

    def __post_init__(self) -> None:
        times = self.times_s
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ConfigError(f"waypoints at {times}: expected at least one, and increasing times.")

    @cached_property
    def times_s(self) -> list[float]:
        """Times of the waypoints."""
        return [waypoint.time_s for waypoint in self.waypoints]

    @property
    def end_s(self) -> float:
        """Time of the last waypoint."""
        return self.waypoints[-1].time_s

    def n_after(self, time_s: float) -> int:
        """Number of waypoints that are due after a time."""
        return len(self.waypoints) - bisect.bisect_right(self.times_s, time_s)

    def at(self, time_s: float) -> Waypoint:
        """Where the tool should be at a time."""
        number = bisect.bisect_right(self.times_s, time_s)
        if number == 0:
            return _at_time(self.waypoints[0], time_s)
        if number == len(self.waypoints):
            return _at_time(self.waypoints[-1], time_s)
        before, after = self.waypoints[number - 1], self.waypoints[number]
        fraction = (time_s - before.time_s) / (after.time_s - before.time_s)
        return Waypoint(
            time_s,
            before.position + fraction * (after.position - before.position),
            slerp(before.quaternion, after.quaternion, fraction),
            before.gripper_m + fraction * (after.gripper_m - before.gripper_m),
        )

    def ahead(self, time_s: float, dt_s: float) -> Ahead:
        """The velocity of the path over the last `dt_s` before a time, and how the path continues from there."""
        here, before = self.at(time_s), self.at(time_s - dt_s)
        velocity = (here.position - before.position) / dt_s
        turn = rotvec_between(before.quaternion, here.quaternion) / dt_s
        number = bisect.bisect_right(self.times_s, time_s)
        if number == 0 or number == len(self.waypoints):
            return Ahead(velocity, np.zeros(3), turn, np.zeros(3))
        start_s, end_s = self.times_s[number - 1 : number + 1]
        left = (end_s - time_s) / (end_s - start_s)
        rest, rest_turn = (
            legs[number - 1] * left + directions[number - 1] * beyond[number - 1]
            for legs, directions, beyond in (self._position_legs, self._rotation_legs)
        )
        return Ahead(velocity, rest, turn, rest_turn)

    def replaced(self, now_s: float, waypoints: Sequence[Waypoint]) -> Trajectory:
        """This path up to `now_s`, then the new waypoints.

        Waypoints whose time has passed are dropped. If none is left, the old path stays.
        """
        ahead = sorted((waypoint for waypoint in waypoints if waypoint.time_s > now_s), key=lambda one: one.time_s)
        if not ahead:
            return self
        kept = {ahead[0].time_s: ahead[0]} | {waypoint.time_s: waypoint for waypoint in ahead}
        return Trajectory((self.at(now_s), *kept.values()))

    @cached_property
    def _position_legs(self) -> tuple[Vector, Vector, Vector]:
        return _with_directions(np.diff([waypoint.position for waypoint in self.waypoints], axis=0))

    @cached_property
    def _rotation_legs(self) -> tuple[Vector, Vector, Vector]:
        quaternions = np.array([waypoint.quaternion for waypoint in self.waypoints])
        return _with_directions(rotvec_between(quaternions[:-1], quaternions[1:]))


def _with_directions(legs: Vector) -> tuple[Vector, Vector, Vector]:
    """Legs `(n, 3)` between waypoints, their directions, and how far the path goes straight on after each `(n,)`."""
    lengths = vector_length(legs)
    directions = legs / np.maximum(lengths, 1e-12)
    straight = (directions[1:] * directions[:-1]).sum(axis=-1) > STRAIGHT
    beyond = np.zeros(len(legs))
    for number in range(len(legs) - 2, -1, -1):
        beyond[number] = (lengths[number + 1, 0] + beyond[number + 1]) * straight[number]
    return legs, directions, beyond


def _at_time(waypoint: Waypoint, time_s: float) -> Waypoint:
    return Waypoint(time_s, waypoint.position, waypoint.quaternion, waypoint.gripper_m)
