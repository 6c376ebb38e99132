"""The limits of an arm's joints, and what finds the joints that reach a pose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from dpbench.arms.driver import ArmState, Vector, Waypoint
from dpbench.errors import ArmFaultError, ConfigError

SLACK_RAD = 0.01
"""An arm that starts outside its range may be so much farther out, since what is measured is not still."""
MARGIN_RAD = 0.02
"""Wishes stay so far from the ends of the range: where the tool brakes on a straight line a joint may swing farther
out than at the line's end."""
WATCH_S = 0.05
"""Measured speeds are means over so long: the times of single states are too coarse."""


@dataclass(frozen=True)
class JointLimits:
    """What the joints may do, one number a joint.

    Attributes:
        low: smallest angles, rad.
        high: largest angles, rad.
        speed_rad_s: largest speeds.
        acceleration_rad_s2: largest accelerations.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    speed_rad_s: tuple[float, ...]
    acceleration_rad_s2: tuple[float, ...]

    def __post_init__(self) -> None:
        rows = (self.low, self.high, self.speed_rad_s, self.acceleration_rad_s2)
        if len({len(row) for row in rows}) != 1 or not self.low or not np.isfinite(rows).all():
            raise ConfigError(f"{self}: expected finite numbers, one a joint in each of the four.")
        if not (
            np.less(self.low, self.high).all() and np.greater((self.speed_rad_s, self.acceleration_rad_s2), 0).all()
        ):
            raise ConfigError(f"{self}: expected every low below its high, and speeds and accelerations above 0.")

    def around(self, joints: Vector) -> JointLimits:
        """With a range that is widened to joints `(n,)` outside it: from there the arm may come back.

        Raises:
            ConfigError: for another number of joints.
        """
        if joints.shape != (len(self.low),):
            raise ConfigError(
                f"joint limits of {len(self.low)} joints for an arm with {joints.size}: expected as many."
            )
        low = np.where(joints < self.low, joints - SLACK_RAD, self.low)
        high = np.where(joints > self.high, joints + SLACK_RAD, self.high)
        return replace(self, low=tuple(low.tolist()), high=tuple(high.tolist()))

    def out_of_range(self, joints: Vector, last: Vector | None = None) -> str | None:
        """Which of the joints `(n,)` is out of range, in words.

        With the `last` joints it is `MARGIN_RAD` from the ends on, but for joints that do not go farther out than they
        were.
        """
        low, high = np.asarray(self.low), np.asarray(self.high)
        if last is not None:
            low, high = np.minimum(low + MARGIN_RAD, last), np.maximum(high - MARGIN_RAD, last)
        outside = ~((joints >= low) & (joints <= high))  # NaN is outside
        if not outside.any():
            return None
        number = int(np.argmax(outside))
        return f"joint {number} at {joints[number]:.3f} rad, outside {low[number]:.3f} to {high[number]:.3f}"

    def too_fast(self, speed: Vector, share: float = 1.0) -> str | None:
        """Which of the speeds `(n,)` rad/s is above so much of its limit, in words."""
        return _above("speed", "rad/s", speed, np.asarray(self.speed_rad_s) * share)

    def too_sudden(self, acceleration: Vector, share: float = 1.0) -> str | None:
        """Which of the accelerations `(n,)` rad/s^2 is above so much of its limit, in words."""
        return _above("acceleration", "rad/s^2", acceleration, np.asarray(self.acceleration_rad_s2) * share)


class Kinematics(Protocol):
    """Finds joints for poses of the tool."""

    def joints(self, waypoint: Waypoint, near: Vector) -> Vector:
        """Joints `(n_joints,)` rad that reach a pose, those nearest to given ones.

        Raises:
            ActionError: when there are none.
        """
        ...


@dataclass
class JointWatch:
    """Watches the measured joints of an arm whose kinematics is not known.

    Attributes:
        limits: of the joints.
        since: the state from which the present mean speed counts.
    """

    limits: JointLimits
    since: ArmState | None = field(default=None)

    def check(self, state: ArmState) -> None:
        """Look at a measured state.

        Raises:
            ArmFaultError: for a joint out of range or faster than its limit.
        """
        reason = self.limits.out_of_range(state.joints)
        since = self.since or state
        passed_s = state.time_s - since.time_s
        if reason is None and passed_s >= WATCH_S:
            reason = self.limits.too_fast((state.joints - since.joints) / passed_s)
        if reason is not None:
            raise ArmFaultError(f"measured {reason}")
        if self.since is None or passed_s >= WATCH_S:
            self.since = state


def _above(what: str, unit: str, values: Vector, limits: Vector) -> str | None:
    above = np.abs(values) - limits
    number = int(np.argmax(above))
    if above[number] <= 1e-9:  # of rounding; NaN is above
        return None
    return f"joint {number} with a {what} of {abs(values[number]):.2f} {unit}, above {limits[number]:.2f}"
