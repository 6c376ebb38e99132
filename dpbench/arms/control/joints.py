"""Limits of an arm's joints, and the interface of its inverse kinematics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from dpbench.arms.driver import ArmState, Vector, Waypoint
from dpbench.errors import ArmFaultError, ConfigError, shown

SLACK_RAD = 0.01
"""A joint that starts outside its range may go this much further out, since measurements are noisy."""
MARGIN_RAD = 0.02
"""Commands keep this distance from the ends of the range. While the tool brakes along a straight line, a joint may
swing further out than where the line ends."""
MEAN_SPEED_S = 0.05
"""Measured speeds are means over this time, since the time stamps of single states are too coarse."""


@dataclass(frozen=True)
class JointLimits:
    """Limits with one number per joint.

    Attributes:
        low: minimum angles, rad.
        high: maximum angles, rad.
        speed_rad_s: maximum speeds.
        acceleration_rad_s2: maximum accelerations.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    speed_rad_s: tuple[float, ...]
    acceleration_rad_s2: tuple[float, ...]

    def __post_init__(self) -> None:
        rows = (self.low, self.high, self.speed_rad_s, self.acceleration_rad_s2)
        if len({len(row) for row in rows}) != 1 or not self.low or not np.isfinite(rows).all():
            raise ConfigError(f"{shown(self, 300)}: expected finite numbers, one per joint in each of the four.")
        if not (
            np.less(self.low, self.high).all() and np.greater((self.speed_rad_s, self.acceleration_rad_s2), 0).all()
        ):
            raise ConfigError(
                f"{shown(self, 300)}: expected each low below its high, and speeds and accelerations above 0."
            )

    def around(self, joints: Vector) -> JointLimits:
        """The limits with the range widened to include joints `(n,)`, so that the arm can come back from outside.

        Raises:
            ConfigError: if the number of joints differs.
        """
        if joints.shape != (len(self.low),):
            raise ConfigError(
                f"joint limits for {len(self.low)} joints, but the arm has {joints.size}: give one number per joint."
            )
        low = np.where(joints < self.low, joints - SLACK_RAD, self.low)
        high = np.where(joints > self.high, joints + SLACK_RAD, self.high)
        return replace(self, low=tuple(low.tolist()), high=tuple(high.tolist()))

    def out_of_range(self, joints: Vector, last: Vector | None = None) -> str | None:
        """Which of the joints `(n,)` is out of range, in words.

        If the `last` joints are given, the range is narrower by `MARGIN_RAD`, except for a joint that does not go
        further out than it was.
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
        """Which of the speeds `(n,)` rad/s is above this share of its limit, in words."""
        return _above("speed", "rad/s", speed, np.asarray(self.speed_rad_s) * share)

    def too_sudden(self, acceleration: Vector, share: float = 1.0) -> str | None:
        """Which of the accelerations `(n,)` rad/s^2 is above this share of its limit, in words."""
        return _above("acceleration", "rad/s^2", acceleration, np.asarray(self.acceleration_rad_s2) * share)


class Kinematics(Protocol):
    """Inverse kinematics of an arm."""

    def joints(self, waypoint: Waypoint, near: Vector) -> Vector:
        """Joints `(n_joints,)` rad that reach a pose, the solution nearest to the joints given.

        Raises:
            ActionError: if there is no solution.
        """
        ...


@dataclass
class JointWatch:
    """Monitors the measured joints of an arm whose kinematics is not known.

    Attributes:
        limits: of the joints.
        since: the state at which the present mean speed starts.
    """

    limits: JointLimits
    since: ArmState | None = field(default=None)

    def check(self, state: ArmState) -> None:
        """Check a measured state.

        Raises:
            ArmFaultError: for a joint out of range or faster than its limit.
        """
        reason = self.limits.out_of_range(state.joints)
        since = self.since or state
        passed_s = state.time_s - since.time_s
        if reason is None and passed_s >= MEAN_SPEED_S:
            reason = self.limits.too_fast((state.joints - since.joints) / passed_s)
        if reason is not None:
            raise ArmFaultError(f"measured {reason}")
        if self.since is None or passed_s >= MEAN_SPEED_S:
            self.since = state


def _above(what: str, unit: str, values: Vector, limits: Vector) -> str | None:
    above = np.abs(values) - limits
    number = int(np.argmax(above))
    if above[number] <= 1e-9:  # of rounding; NaN is above
        return None
    return f"joint {number} with a {what} of {abs(values[number]):.2f} {unit}, above {limits[number]:.2f}"
