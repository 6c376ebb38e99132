"""Progress and behaviour mode of an episode, computed from poses.

So the episodes of any policy, and human demonstrations, can be labelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.rotations import matrix_from_quat

from .task import SCENES

Vector = NDArray[np.float64]
LIFTED_M = 0.02
"""An object this much higher than at the start is lifted."""
ABOVE_M, ASIDE_M = 0.10, 0.03
"""Lift: the hand comes from the side if it is this far off as it passes this height above the cube."""
DETOUR_M = 0.05
"""Can, Square: the path goes around if the object is this far off the straight line halfway to the goal."""
CAN_GOAL_M, PEG_M = (0.1975, 0.4025), (0.23, 0.10)
_HEIGHT = {"Lift": 2, "Can": 9, "Square": 9}
"""Index of the object's height in `environment_state`."""
FINGER_AXIS = 1
"""The fingers open along this axis of the hand's frame."""


@dataclass
class Tracker:
    """Progress and mode of one episode so far.

    Attributes:
        scene: name of the scene.
        start_z: height of the object at the start, m.
        lifted_x: where the object was first lifted, m; 0 before.
        lifted_y: the same.
        way: index of the path, -1 while undecided.
        grasp: index of the grasp when the object was lifted, -1 before.
        end: index of the final pose, -1 before the task is solved.
        progress: 0, 0.5 or 1.
    """

    scene: str
    start_z: float = 0.0
    lifted_x: float = 0.0
    lifted_y: float = 0.0
    way: int = -1
    grasp: int = -1
    end: int = -1
    progress: float = 0.0

    @classmethod
    def starting(cls, scene: str, objects: Vector) -> Tracker:
        """Of an episode that starts with these values of `environment_state`."""
        return cls(scene, float(objects[_HEIGHT.get(scene, 0)]))

    def see(self, hands: Vector, objects: Vector, solved: bool) -> None:
        """Update after a step, with `agent_pos`, `environment_state`, and whether the task is solved."""
        half_done = FOLLOW.get(self.scene, _flags)(self, hands, objects, solved)
        self.progress = 1.0 if solved else max(self.progress, 0.5 * half_done)

    @property
    def mode(self) -> int:
        """Index into the task's modes, -1 while none is shown."""
        if self.scene in ("Lift", "Can") and min(self.way, self.grasp) >= 0:
            return self.way * 2 + self.grasp
        if self.scene == "Square" and min(self.way, self.end) >= 0:
            return self.way * 4 + self.end
        return -1

    def numbers(self) -> list[float]:
        """All fields as numbers, for a state vector."""
        return [self.start_z, self.lifted_x, self.lifted_y, self.way, self.grasp, self.end, self.progress]

    @classmethod
    def from_numbers(cls, scene: str, numbers: list[float]) -> Tracker:
        """The inverse of `numbers`."""
        start_z, x, y, way, grasp, end, progress = numbers
        return cls(scene, start_z, x, y, int(way), int(grasp), int(end), progress)

    def lift(self, place: Vector, grasp: int, solved: bool) -> bool:
        """Remember where and how the object was lifted; returns whether it was lifted yet."""
        if self.grasp < 0 and (solved or place[2] - self.start_z > LIFTED_M):
            self.lifted_x, self.lifted_y, self.grasp = float(place[0]), float(place[1]), grasp
        return self.grasp >= 0

    def detour_m(self, place: Vector, goal: tuple[float, float]) -> float | None:
        """Distance to the left of the straight line from where it was lifted to the goal; None before halfway."""
        line = np.subtract(goal, (self.lifted_x, self.lifted_y))
        length = float(np.linalg.norm(line))
        done = place[:2] - (self.lifted_x, self.lifted_y)
        if length < LIFTED_M or float(done @ line) < 0.5 * length**2:
            return None
        return float(line[0] * done[1] - line[1] * done[0]) / length


FLAGS = ("frame is assembled", "tool on frame", "payload in target bin", "trash in trash bin")
N_NUMBERS = len(Tracker("").numbers())


def _lift(tracker: Tracker, hands: Vector, objects: Vector, solved: bool) -> bool:
    hand, cube = hands[:3], objects[:3]
    if tracker.way < 0 and hand[2] - cube[2] < ABOVE_M:
        aside = float(hand[1] - cube[1])
        tracker.way = 0 if abs(aside) < ASIDE_M else (1 if aside > 0 else 2)
    return tracker.lift(cube, _axis_held(hands, objects[3:7]), solved)


def _can(tracker: Tracker, hands: Vector, objects: Vector, solved: bool) -> bool:
    can = objects[7:10]
    fingers = matrix_from_quat(hands[3:7])[:, FINGER_AXIS]
    lifted = tracker.lift(can, int(abs(fingers[0]) > abs(fingers[1])), solved)
    if lifted and tracker.way < 0:
        tracker.way = _way(tracker.detour_m(can, CAN_GOAL_M))
    return lifted


def _square(tracker: Tracker, hands: Vector, objects: Vector, solved: bool) -> bool:
    nut = objects[7:10]
    lifted = tracker.lift(nut, _axis_held(hands, objects[10:14]), solved)
    if lifted and tracker.way < 0:
        tracker.way = _way(tracker.detour_m(nut, PEG_M))
    if solved:
        handle = matrix_from_quat(objects[10:14])[:, 0]
        tracker.end = int(np.round(np.arctan2(handle[1], handle[0]) / (np.pi / 2))) % 4
    return lifted


def _way(detour_m: float | None) -> int:
    if detour_m is None:
        return -1
    return 0 if abs(detour_m) < DETOUR_M else (1 if detour_m > 0 else 2)


def _axis_held(hands: Vector, quaternion: Vector) -> int:
    """0 when the fingers are on the object's x faces, 1 on its y faces."""
    fingers = matrix_from_quat(hands[3:7])[:, FINGER_AXIS]
    axes = np.abs(matrix_from_quat(quaternion).T @ fingers)
    return int(axes[1] > axes[0])


def _flags(tracker: Tracker, hands: Vector, objects: Vector, solved: bool) -> bool:  # noqa: ARG001
    flags = [number for number, name in enumerate(SCENES[tracker.scene].objects) if name in FLAGS]
    return bool(objects[flags].max() > 0.5)


FOLLOW: dict[str, Callable[[Tracker, Vector, Vector, bool], Any]] = {
    "Lift": _lift,
    "Can": _can,
    "Square": _square,
}
