"""Scripted demonstrators of Lift, Can and Square.

An episode draws a style: which way to go, how to grasp, how fast, how steady the hand is, and whether it hesitates. A
script is a generator: it is sent what is seen and yields where the hand should go next. It looks at every step, so
that it recovers from its own noise and tries again when the object slips.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policy import NoiseStreams, Observations
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, rotvec_from_matrix, sixd_from_matrix
from dpbench.spec import Horizon, TaskSpec

from .modes import ABOVE_M, CAN_GOAL_M, DETOUR_M, FINGER_AXIS, PEG_M
from .task import MAX_DELTA_M

Vector = NDArray[np.float64]
OPEN, CLOSE = -1.0, 1.0
HAND_TO_SITE = matrix_from_rotvec(np.array([0.0, 0.0, -math.pi / 2]))
"""From the frame of the hand that is observed to that of the point between the fingers, which is controlled."""
DEFAULT_YAW = -math.pi / 2
"""Direction of the fingers' axis in the world when an episode starts, rad."""
MAX_YAW = math.radians(110)
"""The wrist turns so far from there to either side without reaching a limit."""
GAIN, TURN_GAIN = 2.0, 1.5
"""The arm covers about a third of a commanded displacement in a control step; so it does not creep to its goals."""
MAX_TURN_RAD = 0.25
NEAR_M, NEAR_RAD = 0.012, 0.12
CLOSING_STEPS, OPENING_STEPS = 10, 6
HANDLE_M = 0.062
"""Where a nut is held, from its middle along its x axis."""
ABOVE_PEG_M, PEG_TOP_M = 1.01, 0.955
"""Heights of a nut's middle over the peg, and where the peg is inside it."""
LOST_M = 0.1
"""An object this far from a closed hand has slipped out of it."""
BUMP_M, BUMP_STEPS = 0.035, 5


@dataclass(frozen=True)
class View:
    """What is seen: the hand's place and rotation, the object's place and rotation, in the world."""

    hand: Vector
    turn: Vector
    object: Vector
    object_turn: Vector


@dataclass(frozen=True)
class Command:
    """Where the hand should go: place (m), direction of the fingers' axis (rad), gripper."""

    place: Vector
    yaw: float
    gripper: float


Script = Generator[Command, View, None]
Step = Generator[Command, View, View]


@dataclass
class Style:
    """How one episode is done.

    Attributes:
        way: 0 above or straight, 1 left, 2 right.
        turn: which of the possible grasps or final poses.
        speed: share of the largest displacement.
        noise_m: standard deviation of the hand's unsteadiness, of a command.
        pause_steps: of a pause before the grasp, 0 for none.
        slip_m: where the hand first goes wrong before the grasp, `(3,)`, zeros for not at all.
        bump_step: step at which the hand is pushed off its way, -1 for never.
        bump_m: how, `(3,)`.
        spread: two numbers in [-1, 1] for places that may vary.
        wander: the hand's unsteadiness now, `(3,)` m.
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


def draw_style(rng: np.random.Generator) -> Style:
    """Draw the way and the grasp evenly, and the rest as people differ."""
    direction = rng.standard_normal(3)
    return Style(
        way=int(rng.integers(3)),
        turn=int(rng.integers(2)),
        speed=float(rng.uniform(0.8, 1.3)),
        noise_m=float(rng.uniform(0.001, 0.004)),
        pause_steps=int(rng.integers(4, 9)) if rng.random() < 0.2 else 0,
        slip_m=np.append(rng.uniform(-0.02, 0.02, 2), 0.0) * (rng.random() < 0.3),
        bump_step=int(rng.integers(5, 60)) if rng.random() < 0.3 else -1,
        bump_m=BUMP_M * direction / np.linalg.norm(direction),
        spread=rng.uniform(-1.0, 1.0, 2),
    )


def lift(view: View, style: Style) -> Script:
    """Come from above, left or right, hold one pair of faces, and lift."""
    aside = np.array([0.0, (0.0, 0.075, -0.075)[style.way], ABOVE_M + 0.02])
    start_z = view.object[2]
    yaw = _nearest(_yaw(view.object_turn, axis=style.turn), view)
    while True:
        view = yield from _approach(view, style, aside, lambda view: view.object, yaw)
        view = yield from _hold(view, yaw)
        top = view.object + (0.0, 0.0, 0.08)
        for _ in range(30):
            if view.hand[2] - start_z > 0.04 and view.object[2] - start_z < 0.015:
                break  # it slipped
            view = yield Command(top, yaw, CLOSE)


def can(view: View, style: Style) -> Script:
    """Grasp with the fingers along y or x, carry straight, left or right of the line, lower, let go and move up."""
    start_z = view.object[2]
    yaw = _nearest(DEFAULT_YAW + style.turn * math.pi / 2 + 0.25 * style.spread[0], view)
    goal = np.array([*CAN_GOAL_M, 0.0]) + (0.03 * style.spread[1], 0.03 * style.spread[0], 0.0)
    height = 1.02 + 0.02 * style.spread[1]
    while True:
        view = yield from _approach(view, style, np.array([0.0, 0.0, 0.12]), _can_grip, yaw)
        view = yield from _hold(view, yaw)
        held = view.object.copy()
        view = yield from _carry(view, style, held, goal, height, yaw)
        view = yield from _move(view, lambda view: view.hand + np.append((goal - view.object)[:2], 0.885 - view.object[2]), yaw, CLOSE, 30)
        if view.object[2] - start_z > -0.05 and np.linalg.norm((view.object - goal)[:2]) < 0.06:
            view = yield from _wait(view, yaw, OPEN, OPENING_STEPS)
            up = view.hand + (0.0, 0.0, 0.15)
            view = yield from _move(view, lambda _: up, yaw, OPEN, 40)


def square(view: View, style: Style) -> Script:
    """Take the nut by its handle, carry it straight, left or right, turn it to one of two sides, and put it down."""
    while True:
        nut_yaw = _yaw(view.object_turn, axis=0)
        yaw = _nearest(_yaw(view.object_turn, axis=1), view)
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
    place: Vector = view.object + (0.0, 0.0, 0.01)
    return place


def _handle(view: View) -> Vector:
    place: Vector = view.object + HANDLE_M * view.object_turn[:, 0]
    return place


def _turn_to_peg(nut_yaw: float, yaw: float, choice: int) -> float:
    """Turn (rad) that lays the nut's sides along the peg's, the handle at +y, -x or -y: the least or the next one."""
    turns = [_wrap(end - nut_yaw) for end in (math.pi / 2, math.pi, -math.pi / 2)]
    possible = sorted((turn for turn in turns if abs(yaw + turn - DEFAULT_YAW) < MAX_YAW), key=abs)
    return possible[min(choice, len(possible) - 1)] if possible else min(turns, key=abs)


def _approach(view: View, style: Style, aside: Vector, grip: Callable[[View], Vector], yaw: float) -> Step:
    """Open, come over (or beside) the object, hesitate as the style has it, and go down to the grip."""
    view = yield from _move(view, lambda view: grip(view) + aside, yaw, OPEN, 80)
    if style.slip_m.any():
        view = yield from _move(view, lambda view: grip(view) + aside + style.slip_m, yaw, OPEN, 15)
    view = yield from _wait(view, yaw, OPEN, style.pause_steps)
    if aside[1]:
        view = yield from _move(view, lambda view: grip(view) + (0.0, 0.0, 0.045), yaw, OPEN, 40)
    return (yield from _move(view, grip, yaw, OPEN, 40, near_m=0.006))


def _hold(view: View, yaw: float) -> Step:
    return (yield from _wait(view, yaw, CLOSE, CLOSING_STEPS))


def _carry(
    view: View, style: Style, held: Vector, goal: Vector, height: float, yaw: float, last_yaw: float | None = None
) -> Step:
    """Up, to a point half-way on or beside the straight line, and over the goal; all for the object that is held."""
    last_yaw = yaw if last_yaw is None else last_yaw
    line = (goal - held)[:2]
    left = np.array([-line[1], line[0]]) / np.linalg.norm(line)
    half = held[:2] + line / 2 + (0.0, DETOUR_M + 0.05, -DETOUR_M - 0.05)[style.way] * left
    up, middle, end = np.array([*held[:2], height]), np.array([*half, height]), np.array([*goal[:2], height])
    for place, turned in ((up, yaw), (middle, (yaw + last_yaw) / 2), (end, last_yaw)):
        view = yield from _move(view, lambda view, place=place: view.hand + place - view.object, turned, CLOSE, 60, 0.03)
    return view


def _move(
    view: View, place: Callable[[View], Vector], yaw: float, gripper: float, n_steps: int, near_m: float = NEAR_M
) -> Step:
    """Go to a place that may move, until it is met or the steps are used up."""
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
    """Direction of an axis of a frame in the plane, rad."""
    return math.atan2(turn[1, axis], turn[0, axis])


def _nearest(yaw: float, view: View) -> float:
    """The same line (fingers' axis) turned by half turns, nearest to where the fingers are at the start."""
    return DEFAULT_YAW + (yaw - DEFAULT_YAW + math.pi / 2) % math.pi - math.pi / 2


def _wrap(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


SCRIPTS: dict[str, Callable[[View, Style], Script]] = {"Lift": lift, "Can": can, "Square": square}


@dataclass
class _Episode:
    style: Style
    script: Script
    step: int = 0


class RobosuiteDemonstrator:
    """One action a step; each episode draws its style when it is first asked."""

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, scene: str, absolute: bool) -> None:
        self._scene, self._absolute = scene, absolute
        self._episodes: dict[int, _Episode] = {}

    def reset(self) -> None:
        """Forget all episodes."""
        self._episodes.clear()

    def style(self, episode: int) -> Style:
        """The style that an episode drew."""
        return self._episodes[episode].style

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, ...)` -> `(B, 1, 7)` or `(B, 1, 10)`."""
        rows = []
        for row, (rng, number) in enumerate(zip(noise.generators, noise.episodes, strict=True)):
            view = self._view(observations["environment_state"][row, -1], observations["agent_pos"][row, -1])
            episode = self._episodes.get(number)
            if episode is None:
                style = draw_style(rng)
                episode = self._episodes[number] = _Episode(style, SCRIPTS[self._scene](view, style))
                command = next(episode.script)
            else:
                command = episode.script.send(view)
            rows.append(self._action(view, command, episode, rng))
            episode.step += 1
        return np.stack(rows)[:, None].astype(np.float32)

    def _view(self, objects: NDArray[np.floating], agent: NDArray[np.floating]) -> View:
        values, hand = objects.astype(np.float64), agent.astype(np.float64)
        pose = values[:7] if self._scene == "Lift" else values[7:14]
        return View(hand[:3], matrix_from_quat(hand[3:7]), pose[:3], matrix_from_quat(pose[3:]))

    def _action(self, view: View, command: Command, episode: _Episode, rng: np.random.Generator) -> Vector:
        style = episode.style
        # An AR(1) process: the hand wanders rather than trembles.
        style.wander = 0.8 * style.wander + rng.normal(0.0, 0.6 * style.noise_m, 3)
        step = _capped(GAIN * (command.place - view.hand), style.speed * MAX_DELTA_M) + style.wander
        if 0 <= episode.step - style.bump_step < BUMP_STEPS and style.bump_step >= 0:
            step = step + style.bump_m
        step = np.clip(step, -MAX_DELTA_M, MAX_DELTA_M)
        turn = _capped(TURN_GAIN * rotvec_from_matrix(_down(command.yaw) @ view.turn.T), MAX_TURN_RAD)
        if not self._absolute:
            return np.concatenate([step, turn, [command.gripper]])
        goal = matrix_from_rotvec(turn) @ view.turn @ HAND_TO_SITE
        return np.concatenate([view.hand + step, sixd_from_matrix(goal), [command.gripper]])


def demonstrator(task: TaskSpec) -> RobosuiteDemonstrator:
    """The demonstrator for a task of this folder.

    Raises:
        ConfigError: when the task shows pictures only, or has no script.
    """
    scene = task.id.removeprefix("dpbench/").removesuffix("-v0").removesuffix("Abs")
    if scene not in SCRIPTS:
        raise ConfigError(f"{task.id}: there is a script for {', '.join(SCRIPTS)} from the objects' poses only.")
    return RobosuiteDemonstrator(scene, absolute=task.action.kind == "position")


def _down(yaw: float) -> Vector:
    """The hand pointing down, its fingers' axis in this direction."""
    return np.array([[-math.sin(yaw), math.cos(yaw), 0.0], [math.cos(yaw), math.sin(yaw), 0.0], [0.0, 0.0, -1.0]])


def _capped(vector: Vector, longest: float) -> Vector:
    capped: Vector = vector * min(1.0, longest / max(float(np.linalg.norm(vector)), 1e-9))
    return capped
