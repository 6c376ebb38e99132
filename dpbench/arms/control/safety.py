"""The limits between any policy and any driver: a pure function from what is wanted to what is sent.

Every command of every servo tick passes `step`. It moves a point mass towards the wanted pose with bounded speed
and acceleration, and keeps it where it can still brake in front of each face of the workspace; so no sequence of
commands, however wrong, makes one that leaves the limits (shown by a property test over a million of them).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dpbench.arms.control.trajectory import Ahead
from dpbench.arms.driver import Vector, Waypoint
from dpbench.errors import ConfigError
from dpbench.rotations import rotate_quat, rotvec_between, vector_length

_SMALL = 1e-300
"""Keeps a vector of length 0 from being divided by 0."""


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
        lag_m: largest distance of the measured tool from the commanded place: behind it by more, the arm is waited
            for; by more than twice that, or for longer than `command_filter.LAG_S`, is a fault.
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
                raise ConfigError(f"workspace from {self.low} to {self.high}: expected x, y, z in m at each corner.")
        numbers = (self.speed_m_s, self.acceleration_m_s2, self.turn_rad_s, self.turn_rad_s2, self.gripper_m_s)
        if not all(_is_number(value) and value > 0 for value in (*numbers, self.lag_m)):
            raise ConfigError(f"{self}: expected numbers above 0 as speeds, accelerations and lag_m.")
        if not (_is_number(self.gripper_m) and self.gripper_m >= 0):
            raise ConfigError(f"gripper_m = {self.gripper_m!r}: expected m, 0 or more.")
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ConfigError(f"workspace from {self.low} to {self.high}: expected every lower bound below the upper.")


@dataclass(frozen=True)
class Motion:
    """What was commanded last: a pose and how fast it moves.

    Attributes:
        waypoint: the pose, and when.
        velocity: `(..., 3)` m/s.
        turn: angular velocity `(..., 3)` rad/s, in the base frame.
    """

    waypoint: Waypoint
    velocity: Vector
    turn: Vector

    @classmethod
    def at_rest(cls, waypoint: Waypoint) -> Motion:
        """Standing still at a pose."""
        return cls(waypoint, np.zeros_like(waypoint.position), np.zeros_like(waypoint.position))


def step(motion: Motion, wanted: Waypoint | None, dt_s: float, limits: Limits, ahead: Ahead | None = None) -> Motion:
    """The next command; of many arms at once where the arrays have leading dimensions.

    Args:
        motion: the last one, inside the limits. One that is outside the workspace does not go farther out.
        wanted: where the tool should be after `dt_s`; None brakes and holds. Checked by `driver.check_waypoint`.
        dt_s: time between two commands.
        limits: what is allowed.
        ahead: how the path through `wanted` goes on; None where it ends there. Without it a moving goal is followed
            at the distance in which the arm can brake.

    Returns:
        A motion inside the limits, whatever is wanted.
    """
    last = motion.waypoint
    low, high = np.minimum(limits.low, last.position), np.maximum(limits.high, last.position)
    # Half of the acceleration goes after the wanted pose, half brakes in front of the three pairs of faces:
    # together no more than the whole, since their squares add up to 1/4 + 3/4.
    half = limits.acceleration_m_s2 / 2
    away, away_turn, width = np.zeros_like(last.position), np.zeros_like(last.position), last.gripper_m
    if wanted is not None:
        away = np.minimum(np.maximum(wanted.position, limits.low), limits.high) - last.position
        away_turn = rotvec_between(last.quaternion, wanted.quaternion)
        width = np.minimum(np.maximum(wanted.gripper_m, 0.0), limits.gripper_m)
    path, path_turn = (None, None) if ahead is None else ((ahead.velocity, ahead.rest), (ahead.turn, ahead.rest_turn))
    velocity = _towards(away, motion.velocity, dt_s, limits.speed_m_s, half, path)
    up, down = _braking(high - last.position, dt_s, half), _braking(last.position - low, dt_s, half)
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
    """The nearest waypoint inside the workspace and the gripper's opening."""
    place = np.minimum(np.maximum(waypoint.position, limits.low), limits.high)
    return Waypoint(waypoint.time_s, place, waypoint.quaternion, min(max(waypoint.gripper_m, 0.0), limits.gripper_m))


def at_rest_after(motion: Motion, dt_s: float, limits: Limits) -> Waypoint:
    """Where the tool comes to rest if it brakes from now on, by `step` without a wish."""
    last = motion.waypoint
    return Waypoint(
        last.time_s,
        last.position + _way_to_rest(motion.velocity, dt_s, limits.acceleration_m_s2 / 2),
        rotate_quat(last.quaternion, _way_to_rest(motion.turn, dt_s, limits.turn_rad_s2)),
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
    """The next velocity after a goal that is `away`: bounded, and slow enough to brake at the path's end.

    With a path (its velocity, and what is left of it) the arm goes at the path's velocity, and on top of it closes up
    to where the path is now, as fast as it could brake there.
    """
    behind = away if path is None else away - path[0] * dt_s
    distance = vector_length(behind)
    closing = np.minimum(distance / dt_s, _braking(distance, dt_s, acceleration))
    wanted = behind * (np.minimum(closing, fastest) / np.maximum(distance, _SMALL))
    if path is not None:
        wanted = wanted + path[0]
        most = np.minimum(fastest, _braking(vector_length(away + path[1]), dt_s, acceleration))
        wanted = wanted * np.minimum(1.0, most / np.maximum(vector_length(wanted), _SMALL))
    change = wanted - velocity
    # A share of the way between two velocities that are slow enough is slow enough.
    share = np.minimum(1.0, acceleration * dt_s / np.maximum(vector_length(change), _SMALL))
    return np.where(share < 1.0, velocity + change * share, wanted)


def _braking(distance: Vector, dt_s: float, deceleration: float) -> Vector:
    """The largest speed from which ticks of bounded deceleration end before the distance is used up.

    A speed of n ticks' deceleration covers deceleration * dt^2 * n (n + 1) / 2 until it stops.
    """
    tick = deceleration * dt_s**2
    distance = np.maximum(distance, 0.0)
    # Between whole numbers of ticks the chord of that parabola lies below it.
    whole = np.floor(np.sqrt(0.25 + 2.0 * distance / tick) - 0.5)
    rest = distance - tick * whole * (whole + 1) / 2
    speed: Vector = (whole + rest / (tick * (whole + 1))) * deceleration * dt_s
    return speed


def _way_to_rest(velocity: Vector, dt_s: float, deceleration: float) -> Vector:
    """What is covered after a tick at `velocity` until bounded deceleration has stopped it."""
    speed = vector_length(velocity)
    n_ticks = np.floor(speed / (deceleration * dt_s))
    way = n_ticks * (speed - deceleration * dt_s * (n_ticks + 1) / 2) * dt_s
    return np.asarray(velocity * (way / np.maximum(speed, _SMALL)))
