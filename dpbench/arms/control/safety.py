"""Limits of the tool: a pure function from the desired pose to the command that is sent.

Every command of every servo tick passes `step`. It moves a point mass towards the desired pose with bounded speed and
acceleration, and keeps it where it can still brake before each face of the workspace. So no sequence of commands,
however wrong, leads out of the limits (`tests/arms/control/test_million_commands.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dpbench.arms.control.trajectory import Ahead
from dpbench.arms.driver import Vector, Waypoint
from dpbench.errors import ConfigError, shown
from dpbench.rotations import rotate_quat, rotvec_between, vector_length

_SMALL = 1e-300
"""Avoids a division by 0 for vectors of length 0."""


@dataclass(frozen=True)
class Limits:
    """Limits of the tool.

    Attributes:
        low: lower corner of the workspace, m.
        high: upper corner, m.
        speed_m_s: maximum speed.
        acceleration_m_s2: maximum acceleration.
        turn_rad_s: maximum angular speed.
        turn_rad_s2: maximum angular acceleration.
        gripper_m: maximum opening of the gripper.
        gripper_m_s: speed of the gripper.
        lag_m: allowed distance between the measured tool and its command. If it is larger, commands wait for the arm;
            twice the distance, or waiting for longer than `command_filter.MAX_WAIT_S`, is a fault.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    speed_m_s: float = 0.25
    acceleration_m_s2: float = 1.5
    turn_rad_s: float = 0.6
    turn_rad_s2: float = 4.0
    gripper_m: float = 0.08
    gripper_m_s: float = 0.2
    lag_m: float = 0.05

    def __post_init__(self) -> None:
        for corner in (self.low, self.high):
            if not (np.shape(corner) == (3,) and all(map(_is_number, corner))):
                raise ConfigError(
                    f"workspace from {shown(self.low)} to {shown(self.high)}: expected x, y, z in m at each corner."
                )
        numbers = (self.speed_m_s, self.acceleration_m_s2, self.turn_rad_s, self.turn_rad_s2, self.gripper_m_s)
        if not all(_is_number(value) and value > 0 for value in (*numbers, self.lag_m)):
            raise ConfigError(f"{shown(self, 300)}: expected numbers above 0 as speeds, accelerations and lag_m.")
        if not (_is_number(self.gripper_m) and self.gripper_m >= 0):
            raise ConfigError(f"gripper_m = {shown(self.gripper_m)}: expected m, 0 or more.")
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ConfigError(f"workspace from {self.low} to {self.high}: expected every lower bound below the upper.")


@dataclass(frozen=True)
class Motion:
    """The last command: a pose and its velocity.

    Attributes:
        waypoint: the pose and its time.
        velocity: `(..., 3)` m/s.
        turn: angular velocity `(..., 3)` rad/s, in the base frame.
    """

    waypoint: Waypoint
    velocity: Vector
    turn: Vector

    @classmethod
    def at_rest(cls, waypoint: Waypoint) -> Motion:
        """At rest at a pose."""
        return cls(waypoint, np.zeros_like(waypoint.position), np.zeros_like(waypoint.position))


def step(motion: Motion, desired: Waypoint | None, dt_s: float, limits: Limits, ahead: Ahead | None = None) -> Motion:
    """The next command. Arrays with leading dimensions stand for many arms at once.

    Args:
        motion: the last command, inside the limits. If it is outside the workspace, the next one is not further out.
        desired: where the tool should be after `dt_s`, checked by `driver.check_waypoint`; None brakes and holds.
        dt_s: time between two commands.
        limits: of the tool.
        ahead: how the path continues after `desired`; None if it ends there. Without it the tool follows a moving goal
            at its braking distance.

    Returns:
        A motion inside the limits, whatever is desired.
    """
    last = motion.waypoint
    low, high = np.minimum(limits.low, last.position), np.maximum(limits.high, last.position)
    # Half of the acceleration is for following the desired pose, half for braking before the three pairs of faces.
    # Together they do not exceed the limit, since their squares add up to 1/4 + 3/4.
    half = limits.acceleration_m_s2 / 2
    away, away_turn, width = np.zeros_like(last.position), np.zeros_like(last.position), last.gripper_m
    if desired is not None:
        away = np.minimum(np.maximum(desired.position, limits.low), limits.high) - last.position
        away_turn = rotvec_between(last.quaternion, desired.quaternion)
        width = np.minimum(np.maximum(desired.gripper_m, 0.0), limits.gripper_m)
    path, path_turn = (None, None) if ahead is None else ((ahead.velocity, ahead.rest), (ahead.turn, ahead.rest_turn))
    velocity = _towards(away, motion.velocity, dt_s, limits.speed_m_s, half, path)
    up, down = _braking_speed(high - last.position, dt_s, half), _braking_speed(last.position - low, dt_s, half)
    velocity = np.minimum(np.maximum(velocity, -down), up)
    turn = _towards(away_turn, motion.turn, dt_s, limits.turn_rad_s, limits.turn_rad_s2, path_turn)
    most = limits.gripper_m_s * dt_s
    return Motion(
        Waypoint(
            last.time_s + dt_s,
            np.minimum(np.maximum(last.position + velocity * dt_s, low), high),
            rotate_quat(last.quaternion, turn * dt_s),
            last.gripper_m + np.minimum(np.maximum(width - last.gripper_m, -most), most),
        ),
        velocity,
        turn,
    )


def within(waypoint: Waypoint, limits: Limits) -> Waypoint:
    """The nearest waypoint inside the workspace and the gripper's range."""
    place = np.minimum(np.maximum(waypoint.position, limits.low), limits.high)
    return Waypoint(waypoint.time_s, place, waypoint.quaternion, min(max(waypoint.gripper_m, 0.0), limits.gripper_m))


def at_rest_after(motion: Motion, dt_s: float, limits: Limits) -> Waypoint:
    """Where the tool comes to rest if it brakes from now on (`step` without a desired pose)."""
    last = motion.waypoint
    return Waypoint(
        last.time_s,
        last.position + _braking_distance(motion.velocity, dt_s, limits.acceleration_m_s2 / 2),
        rotate_quat(last.quaternion, _braking_distance(motion.turn, dt_s, limits.turn_rad_s2)),
        last.gripper_m,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _towards(
    away: Vector,
    velocity: Vector,
    dt_s: float,
    fastest: float,
    acceleration: float,
    path: tuple[Vector, Vector] | None,
) -> Vector:
    """The next velocity towards a goal at the distance `away`: bounded, and slow enough to brake at the path's end.

    With a path (its velocity, and the distance left) the tool moves at the velocity of the path and, in addition,
    closes the gap to where the path is now, as fast as it could brake there.
    """
    behind = away if path is None else away - path[0] * dt_s
    distance = vector_length(behind)
    closing = np.minimum(distance / dt_s, _braking_speed(distance, dt_s, acceleration))
    target = behind * (np.minimum(closing, fastest) / np.maximum(distance, _SMALL))
    if path is not None:
        target = target + path[0]
        most = np.minimum(fastest, _braking_speed(vector_length(away + path[1]), dt_s, acceleration))
        target = target * np.minimum(1.0, most / np.maximum(vector_length(target), _SMALL))
    change = target - velocity
    # A velocity between two that are slow enough is slow enough, too.
    fraction = np.minimum(1.0, acceleration * dt_s / np.maximum(vector_length(change), _SMALL))
    return np.where(fraction < 1.0, velocity + change * fraction, target)


def _braking_speed(distance: Vector, dt_s: float, deceleration: float) -> Vector:
    """The highest speed from which the tool can stop within a distance, decelerating once per tick.

    From a speed of n * deceleration * dt it covers deceleration * dt^2 * n (n + 1) / 2 until it stops.
    """
    tick = deceleration * dt_s**2
    distance = np.maximum(distance, 0.0)
    # Between whole numbers of ticks, the chord of that parabola is a safe lower bound.
    whole = np.floor(np.sqrt(0.25 + 2.0 * distance / tick) - 0.5)
    rest = distance - tick * whole * (whole + 1) / 2
    speed: Vector = (whole + rest / (tick * (whole + 1))) * deceleration * dt_s
    return speed


def _braking_distance(velocity: Vector, dt_s: float, deceleration: float) -> Vector:
    """The distance covered after a tick at `velocity` until bounded deceleration has stopped the tool."""
    speed = vector_length(velocity)
    n_ticks = np.floor(speed / (deceleration * dt_s))
    distance = n_ticks * (speed - deceleration * dt_s * (n_ticks + 1) / 2) * dt_s
    return np.asarray(velocity * (distance / np.maximum(speed, _SMALL)))
