"""The twin's controller, like the one of a real arm: it receives commands, checks them, and sends measured states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, replace
from enum import IntEnum

import numpy as np

from .channel import Channel, Faults
from .scene import N_JOINTS
from .twin import Pose, Twin

WATCHDOG_S = 0.1
"""The arm holds if no command arrives for this long."""
JUMP_M = 0.15
"""A command further from the tip than this causes a protective stop, as on arms that accept poses at servo rate."""
FAULTS = ("", "protective stop", f"protective stop: commanded pose more than {JUMP_M} m from the tool")
"""Meaning of the fault number in a state."""


class Kind(IntEnum):
    """Kind of a message from the host, with the numbers that it carries."""

    POSE = 0
    """Position and quaternion, 7."""
    STOP = 1
    """None."""
    UNLOCK = 2
    """None; ends a protective stop and drops commands that have not arrived."""
    RESET = 3
    """Seed, 1."""
    FAULTS = 4
    """The fields of `Faults`, 8."""


N_STATE, N_SCENE = 1 + 3 + 4 + N_JOINTS + 1, 11
"""Length of a state (time, position, quaternion, joints, fault) and of `Controller.scene`."""


class Controller:
    """The twin and its link to the host, stepped by the caller.

    Args:
        faults: of the link and the arm.
        seed: of the scene and of the link's random faults.
        now_s: the host's monotonic clock, here and in all methods.

    Attributes:
        faults: as they are now.
        state: the newest state that has reached the host, `N_STATE` numbers.
    """

    def __init__(self, faults: Faults, seed: int, now_s: float) -> None:
        self.faults = faults
        self.state: tuple[float, ...] = ()
        self._twin = Twin()
        self._goal: Pose | None = None
        self._stopped_by = self._n_done = self._n_ticks = 0
        self._reset(seed, now_s)

    def handle(self, kind: int, numbers: Sequence[float], now_s: float) -> None:
        """Receive a message from the host. Commands pass the link; others are for tests and take effect at once."""
        if kind in (Kind.POSE, Kind.STOP):
            self._commands.put(now_s, tuple(numbers))
            return
        if kind == Kind.UNLOCK:
            self._stopped_by, self.faults = 0, replace(self.faults, protective_stop=False)
            # Commands from before the stop must not move the arm now.
            self._commands.clear()
            self._goal = None
        elif kind == Kind.RESET:
            self._reset(int(numbers[0]), now_s)
        elif kind == Kind.FAULTS:
            self.faults = Faults(*numbers)
        self._commands.faults = self._states.faults = self.faults
        self._n_done += 1

    def tick(self, now_s: float) -> None:
        """Take the newest command, move, measure, and send the state."""
        command = self._commands.newest(now_s)
        if command is not None:
            self._goal, self._commanded_s = _pose(command), now_s
        if now_s - self._commanded_s > WATCHDOG_S:
            self._goal = None
        if self.faults.protective_stop:
            self._stopped_by = 1
        elif self._goal is not None and math.dist(self._goal[0], self._twin.position) > JUMP_M:
            self._stopped_by = 2
        if self._stopped_by:
            self._goal = None
        self._twin.tick(self._goal)
        self._n_ticks += 1
        if not self.faults.frozen:
            self._states.put(now_s, self._measured(now_s))
        self.state = self._states.newest(now_s) or self.state

    def scene(self, now_s: float) -> tuple[float, ...]:
        """The true scene: time, ticks, messages handled, tip x, y, block x, y, yaw, target x, y, success."""
        twin = self._twin
        tip_x, tip_y, _ = twin.position.tolist()
        return (now_s, self._n_ticks, self._n_done, tip_x, tip_y, *twin.block, *twin.target, twin.succeeded())

    def _reset(self, seed: int, now_s: float) -> None:
        scene, commands, states = np.random.default_rng(seed).spawn(3)
        self._twin.reset(scene)
        self._commands: Channel[tuple[float, ...]] = Channel(self.faults, commands)
        self._states: Channel[tuple[float, ...]] = Channel(self.faults, states)
        self._goal, self._commanded_s = None, -math.inf
        self.state = self._measured(now_s)

    def _measured(self, now_s: float) -> tuple[float, ...]:
        twin = self._twin
        return (now_s, *twin.position.tolist(), *twin.quaternion.tolist(), *twin.joints.tolist(), self._stopped_by)


def _pose(numbers: tuple[float, ...]) -> Pose | None:
    return (np.array(numbers[:3]), np.array(numbers[3:])) if numbers else None


def as_numbers(faults: Faults) -> tuple[float, ...]:
    """The numbers in a message of `Kind.FAULTS`."""
    return tuple(float(value) for value in astuple(faults))
