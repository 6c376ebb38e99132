"""Scripts for Lift, Can and Square: generators that receive observations and yield where the hand should go next.

They use every new observation, so that they compensate their own noise and grasp again when the object slips.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .modes import ABOVE_M, CAN_GOAL_M, DETOUR_M, FINGER_AXIS, PEG_M

Vector = NDArray[np.float64]
OPEN, CLOSE = -1.0, 1.0
DEFAULT_YAW = -math.pi / 2
"""Direction of the fingers' axis in the world when an episode starts, rad."""
MAX_YAW = math.radians(110)
"""How far the wrist can turn from there, to either side, before it reaches a limit."""
NEAR_M, NEAR_RAD = 0.012, 0.12
CLOSING_STEPS, OPENING_STEPS = 10, 6
HANDLE_M = 0.062
"""Grasp position on the nut's handle, from the nut's middle along its x axis."""
ABOVE_PEG_M, PEG_TOP_M = 1.01, 0.955
"""Heights of the nut's middle: above the peg, and where the peg is already inside."""
LOST_M = 0.1
"""An object this far from a closed hand has slipped out."""


@dataclass(frozen=True)
class View:
    """Positions and rotations of hand and object, in the world frame."""

    hand: Vector
    turn: Vector
    object: Vector
    object_turn: Vector


@dataclass(frozen=True)
class Command:
    """Goal of the hand: position (m), direction of the fingers' axis (rad), gripper."""

    place: Vector
    yaw: float
    gripper: float


Script = Generator[Command, View, None]
Step = Generator[Command, View, View]


@dataclass
class Style:
    """How one episode is performed.

    Attributes:
        way: 0 above or straight, 1 left, 2 right.
        turn: which of the possible grasps or final poses.
        speed: factor on the largest displacement.
        noise_m: standard deviation of the hand's drift.
        pause_steps: length of a pause before the grasp, 0 for none.
        slip_m: error of a first approach before the grasp, `(3,)`; zeros for none.
        bump_step: step at which the hand is disturbed, -1 for never.
        bump_m: displacement of the disturbance, `(3,)`.
        spread: two numbers in [-1, 1] that vary positions.
        wander: current drift of the hand, `(3,)` m.
    """

    way: int
    turn: int
    speed: float
    noise_m: float
    pause_steps: int
    slip_m: Vector
    bump_step: int
    bump_m: Vector
    spread: Vector
    wander: Vector = field(default_factory=lambda: np.zeros(3))


def lift(view: View, style: Style) -> Script:
    """Approach from above, left or right, grasp one pair of faces, and lift."""
    aside = np.array([0.0, (0.0, 0.075, -0.075)[style.way], ABOVE_M + 0.02])
    start_z = view.object[2]
    yaw = _nearest(_yaw(view.object_turn, axis=style.turn))
    while True:
        view = yield from _approach(view, style, aside, lambda view: view.object, yaw)
        view = yield from _hold(view, yaw)
        top = _raised(view.object, 0.08)
        for _ in range(30):
            if view.hand[2] - start_z > 0.04 and view.object[2] - start_z < 0.015:
                break  # it slipped
            view = yield Command(top, yaw, CLOSE)


def can(view: View, style: Style) -> Script:
    """Grasp with the fingers along y or x, carry straight or around the left or right, lower, release and move up."""
    start_z = view.object[2]
    yaw = _nearest(DEFAULT_YAW + style.turn * math.pi / 2 + 0.25 * style.spread[0])
    goal = np.array([CAN_GOAL_M[0] + 0.03 * style.spread[1], CAN_GOAL_M[1] + 0.03 * style.spread[0], 0.0])
    height = 1.02 + 0.02 * style.spread[1]
    while True:
        view = yield from _approach(view, style, np.array([0.0, 0.0, 0.12]), _can_grip, yaw)
        view = yield from _hold(view, yaw)
        held = view.object.copy()
        view = yield from _carry(view, style, held, goal, height, yaw)
        view = yield from _move(
            view, lambda view: view.hand + np.append((goal - view.object)[:2], 0.885 - view.object[2]), yaw, CLOSE, 30
        )
        if view.object[2] - start_z > -0.05 and np.linalg.norm((view.object - goal)[:2]) < 0.06:
            view = yield from _wait(view, yaw, OPEN, OPENING_STEPS)
            up = _raised(view.hand, 0.15)
            view = yield from _move(view, partial(_stay, up), yaw, OPEN, 40)


def square(view: View, style: Style) -> Script:
    """Grasp the nut's handle, carry it straight or around the left or right, turn it one of two ways, and lower it."""
    while True:
        nut_yaw = _yaw(view.object_turn, axis=0)
        yaw = _nearest(_yaw(view.object_turn, axis=1))
        view = yield from _approach(view, style, np.array([0.0, 0.0, 0.12]), _handle, yaw)
        view = yield from _hold(view, yaw)
        held = view.object.copy()
        turn = _turn_to_peg(nut_yaw, yaw, style.turn)
        peg = np.array([*PEG_M, 0.0])
        view = yield from _carry(view, style, held, peg, ABOVE_PEG_M, yaw, yaw + turn)
        for _ in range(150):
            if np.linalg.norm(view.object - view.hand) > LOST_M:
                break
            off = peg - view.object
            crooked = _wrap(nut_yaw + turn - _yaw(view.object_turn, axis=0))
            fits = np.linalg.norm(off[:2]) < 0.006 and abs(crooked) < 0.06
            off[2] = (0.83 if fits or view.object[2] < PEG_TOP_M else ABOVE_PEG_M) - view.object[2]
            view = yield Command(view.hand + off, _yaw(view.turn, FINGER_AXIS) + crooked, CLOSE)


def _can_grip(view: View) -> Vector:
    return _raised(view.object, 0.01)


def _handle(view: View) -> Vector:
    place: Vector = view.object + HANDLE_M * view.object_turn[:, 0]
    return place


def _turn_to_peg(nut_yaw: float, yaw: float, choice: int) -> float:
    """Rotation (rad) that aligns nut and peg, with the handle at +y, -x or -y: the smallest, or the next one."""
    turns = [_wrap(end - nut_yaw) for end in (math.pi / 2, math.pi, -math.pi / 2)]
    possible = sorted((turn for turn in turns if abs(yaw + turn - DEFAULT_YAW) < MAX_YAW), key=abs)
    return possible[min(choice, len(possible) - 1)] if possible else min(turns, key=abs)


def _approach(view: View, style: Style, aside: Vector, grip: Callable[[View], Vector], yaw: float) -> Step:
    """Open, move above (or beside) the object, pause if the style says so, and go to the grasp position."""
    view = yield from _move(view, lambda view: grip(view) + aside, yaw, OPEN, 80)
    if style.slip_m.any():
        view = yield from _move(view, lambda view: grip(view) + aside + style.slip_m, yaw, OPEN, 15)
    view = yield from _wait(view, yaw, OPEN, style.pause_steps)
    if aside[1]:
        view = yield from _move(view, lambda view: _raised(grip(view), 0.045), yaw, OPEN, 40)
    return (yield from _move(view, grip, yaw, OPEN, 40, near_m=0.006))


def _hold(view: View, yaw: float) -> Step:
    return (yield from _wait(view, yaw, CLOSE, CLOSING_STEPS))


def _carry(
    view: View, style: Style, held: Vector, goal: Vector, height: float, yaw: float, last_yaw: float | None = None
) -> Step:
    """Lift the held object, move it to a waypoint on or beside the straight line, then above the goal."""
    last_yaw = yaw if last_yaw is None else last_yaw
    line = (goal - held)[:2]
    left = np.array([-line[1], line[0]]) / np.linalg.norm(line)
    half = held[:2] + line / 2 + (0.0, DETOUR_M + 0.05, -DETOUR_M - 0.05)[style.way] * left
    up, middle, end = np.array([*held[:2], height]), np.array([*half, height]), np.array([*goal[:2], height])
    for place, turned in ((up, yaw), (middle, (yaw + last_yaw) / 2), (end, last_yaw)):
        view = yield from _move(view, partial(_bring, place), turned, CLOSE, 60, 0.03)
    return view


def _bring(place: Vector, view: View) -> Vector:
    """Position of the hand at which the held object is at `place`."""
    target: Vector = view.hand + place - view.object
    return target


def _stay(place: Vector, _: View) -> Vector:
    return place


def _move(
    view: View, place: Callable[[View], Vector], yaw: float, gripper: float, n_steps: int, near_m: float = NEAR_M
) -> Step:
    """Move to a position that may change, until it is reached or the steps are used up."""
    for _ in range(n_steps):
        target = place(view)
        off_yaw = abs(_wrap(yaw - _yaw(view.turn, FINGER_AXIS)))
        lost = gripper == CLOSE and np.linalg.norm(view.object - view.hand) > LOST_M
        if lost or (np.linalg.norm(target - view.hand) < near_m and off_yaw < NEAR_RAD):
            break
        view = yield Command(target, yaw, gripper)
    return view


def _wait(view: View, yaw: float, gripper: float, n_steps: int) -> Step:
    place = view.hand.copy()
    for _ in range(n_steps):
        view = yield Command(place, yaw, gripper)
    return view


def _yaw(turn: Vector, axis: int) -> float:
    """Direction of a frame's axis in the horizontal plane, rad."""
    return math.atan2(turn[1, axis], turn[0, axis])


def _raised(place: Vector, height_m: float) -> Vector:
    raised: Vector = place + np.array([0.0, 0.0, height_m])
    return raised


def _nearest(yaw: float) -> float:
    """The angle of the fingers' axis, modulo half a turn, nearest to the fingers' initial direction."""
    return DEFAULT_YAW + (yaw - DEFAULT_YAW + math.pi / 2) % math.pi - math.pi / 2


def _wrap(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


SCRIPTS: dict[str, Callable[[View, Style], Script]] = {"Lift": lift, "Can": can, "Square": square}
