"""The limits between any policy and any driver: a pure function from what is wanted to what is sent.

Every command of every servo tick passes `Gate.next`. It moves a point mass towards the wanted pose with bounded speed
and acceleration, and keeps it where it can still brake in front of each face of the workspace; so no sequence of
commands, however wrong, makes one that leaves the limits (shown by a property test over a million of them).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dpbench.arms.driver import Vector, Waypoint
from dpbench.errors import ConfigError
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, quat_from_matrix, rotvec_from_matrix


@dataclass(frozen=True)
class Limits:
    """What the tool may do.

    Attributes:
        low: lower corner of the workspace, m.
        high: upper corner, m.
        speed_m_s: largest speed.
        acceleration_m_s2: largest acceleration.
        turn_rad_s: largest angular speed.
        turn_rad_s2: largest angular acceleration.
        gripper_m: widest opening of the gripper, which moves at `gripper_m_s`.
        gripper_m_s: its speed.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    speed_m_s: float = 0.25
    acceleration_m_s2: float = 1.5
    turn_rad_s: float = 0.6
    turn_rad_s2: float = 4.0
    gripper_m: float = 0.08
    gripper_m_s: float = 0.2

    def __post_init__(self) -> None:
        numbers = (self.speed_m_s, self.acceleration_m_s2, self.turn_rad_s, self.turn_rad_s2, self.gripper_m_s)
        if not all(math.isfinite(value) and value > 0 for value in numbers) or not self.gripper_m >= 0:
            raise ConfigError(f"{self}: expected speeds and accelerations above 0.")
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ConfigError(f"workspace from {self.low} to {self.high}: expected every lower bound below the upper.")


@dataclass(frozen=True)
class Motion:
    """What was commanded last: a pose and how fast it moves.

    Attributes:
        waypoint: the pose, and when.
        velocity: `(3,)` m/s.
        turn: angular velocity `(3,)` rad/s, in the base frame.
    """

    waypoint: Waypoint
    velocity: Vector
    turn: Vector

    @classmethod
    def at_rest(cls, waypoint: Waypoint) -> Motion:
        """Standing still at a pose."""
        return cls(waypoint, np.zeros(3), np.zeros(3))


def step(motion: Motion, wanted: Waypoint | None, dt_s: float, limits: Limits) -> Motion:
    """The next command.

    Args:
        motion: the last one, inside the limits.
        wanted: where the tool should be after `dt_s`; None brakes and holds. Checked by `driver.check_waypoint`.
        dt_s: time between two commands.
        limits: what is allowed.

    Returns:
        A motion inside the limits, whatever is wanted.
    """
    last = motion.waypoint
    # Half of the acceleration goes after the wanted pose, half brakes in front of the three pairs of faces:
    # together no more than the whole, since their squares add up to 1/4 + 3/4.
    half = limits.acceleration_m_s2 / 2
    place = last.position if wanted is None else np.clip(wanted.position, limits.low, limits.high)
    velocity = _towards(place - last.position, motion.velocity, dt_s, limits.speed_m_s, half)
    up, down = (
        _braking(distance, dt_s, half) for distance in (limits.high - last.position, last.position - limits.low)
    )
    velocity = np.minimum(np.maximum(velocity, -down), up)

    now = matrix_from_quat(last.quaternion)
    goal = now if wanted is None else matrix_from_quat(wanted.quaternion)
    turn = _towards(rotvec_from_matrix(goal @ now.T), motion.turn, dt_s, limits.turn_rad_s, limits.turn_rad_s2)
    width = last.gripper_m if wanted is None else min(max(wanted.gripper_m, 0.0), limits.gripper_m)
    most = limits.gripper_m_s * dt_s
    return Motion(
        Waypoint(
            last.time_s + dt_s,
            np.clip(last.position + velocity * dt_s, limits.low, limits.high),
            quat_from_matrix(matrix_from_rotvec(turn * dt_s) @ now),
            last.gripper_m + min(max(width - last.gripper_m, -most), most),
        ),
        velocity,
        turn,
    )


def inside(motion: Motion, limits: Limits) -> Motion:
    """A motion at rest at the nearest place inside the workspace, from which `step` can start."""
    place = np.clip(motion.waypoint.position, limits.low, limits.high)
    waypoint = motion.waypoint
    width = min(max(waypoint.gripper_m, 0.0), limits.gripper_m)
    return Motion.at_rest(Waypoint(waypoint.time_s, place, waypoint.quaternion, width))


def _towards(away: Vector, velocity: Vector, dt_s: float, fastest: float, acceleration: float) -> Vector:
    """The next velocity after a goal that is `away`: bounded, and slow enough to brake at the goal."""
    distance = float(np.linalg.norm(away))
    speed = min(fastest, distance / dt_s, float(_braking(np.array(distance), dt_s, acceleration)))
    wanted = away * (speed / distance) if distance > 0 else np.zeros(3)
    change = wanted - velocity
    length = float(np.linalg.norm(change))
    # A share of the way between two velocities that are slow enough is slow enough.
    most = acceleration * dt_s
    bounded: Vector = wanted if length <= most else velocity + change * (most / length)
    return bounded


def _braking(distance: Vector, dt_s: float, deceleration: float) -> Vector:
    """The largest speed from which ticks of bounded deceleration end before the distance is used up.

    A speed of n ticks' deceleration covers deceleration * dt^2 * n (n + 1) / 2 until it stops.
    """
    tick = deceleration * dt_s**2
    n_ticks = np.sqrt(0.25 + 2.0 * np.maximum(distance, 0.0) / tick) - 0.5
    # Between whole numbers of ticks the chord of that parabola lies below it.
    whole = np.floor(n_ticks)
    rest = np.maximum(distance, 0.0) - tick * whole * (whole + 1) / 2
    speed: Vector = (whole + rest / (tick * (whole + 1))) * deceleration * dt_s
    return speed
