"""The path through time-stamped waypoints: places by straight lines, orientations by slerp (Shoemake 1985)."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpbench.arms.driver import Vector, Waypoint
from dpbench.errors import ConfigError


@dataclass(frozen=True)
class Trajectory:
    """Waypoints in the order of their times; before the first and behind the last the arm holds.

    Attributes:
        waypoints: at least one, times increasing.
    """

    waypoints: tuple[Waypoint, ...]

    def __post_init__(self) -> None:
        times = [waypoint.time_s for waypoint in self.waypoints]
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ConfigError(f"waypoints at {times}: expected at least one, and times that increase.")

    @property
    def end_s(self) -> float:
        """Time of the last waypoint."""
        return self.waypoints[-1].time_s

    def at(self, time_s: float) -> Waypoint:
        """Where the tool should be at a time."""
        number = bisect.bisect_right([waypoint.time_s for waypoint in self.waypoints], time_s)
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

    def replaced(self, now_s: float, waypoints: Sequence[Waypoint]) -> Trajectory:
        """This path up to `now_s`, then through new waypoints; those that are past already are dropped.

        Without a later waypoint the rest of the old path stays.
        """
        ahead = sorted((waypoint for waypoint in waypoints if waypoint.time_s > now_s), key=lambda one: one.time_s)
        if not ahead:
            return self
        kept = {ahead[0].time_s: ahead[0]} | {waypoint.time_s: waypoint for waypoint in ahead}
        return Trajectory((self.at(now_s), *kept.values()))


def slerp(first: Vector, second: Vector, share: float) -> Vector:
    """The orientation a share of the way between two unit quaternions, the shorter way round."""
    cosine = float(first @ second)
    if cosine < 0.0:
        second, cosine = -second, -cosine
    if cosine > 1.0 - 1e-9:  # nearly the same: a straight line is exact enough and does not divide by zero
        mixed: Vector = first + share * (second - first)
    else:
        angle = np.arccos(cosine)
        mixed = (np.sin((1.0 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)
    result: Vector = mixed / np.linalg.norm(mixed)
    return result


def _at_time(waypoint: Waypoint, time_s: float) -> Waypoint:
    return Waypoint(time_s, waypoint.position, waypoint.quaternion, waypoint.gripper_m)
