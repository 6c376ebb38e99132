"""A dry run: the arm is read but never moved, and the commands are shown or written to a file instead of sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dpbench.arms.control.servo import Servo
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint


class DryRun:
    """A `Servo` around a `Servo`.

    States are the arm's own, except for the tool's pose: that is the last one shown. Otherwise the arm would seem to be
    blocked, and the control loop would stop. `joints` stay as measured.

    Args:
        servo: the arm.
        show: called with every command.

    Attributes:
        n_shown: number of commands so far.
    """

    def __init__(self, servo: Servo, show: Callable[[Waypoint], object]) -> None:
        self._servo, self._show = servo, show
        self._shown: Waypoint | None = None
        self.n_shown = 0

    @property
    def spec(self) -> ArmSpec:
        """The arm's."""
        return self._servo.spec

    def connect(self) -> None:
        """Connect to the arm and start at its present pose."""
        self._servo.connect()
        self._shown = None

    def read(self) -> ArmState:
        """The arm's state, at the last pose shown."""
        state, shown = self._servo.read(), self._shown
        if shown is None:
            return state
        return replace(state, position=shown.position, quaternion=shown.quaternion, gripper_m=shown.gripper_m)

    def send(self, waypoint: Waypoint) -> None:
        """Show the command; nothing is sent."""
        self._shown = waypoint
        self.n_shown += 1
        self._show(waypoint)

    def stop(self) -> None:
        """Do nothing: nothing moves, and the arm's own `stop` could end a program that runs on it."""

    def close(self) -> None:
        """Close the connection to the arm."""
        self._servo.close()


class CommandFile:
    """A file that holds the commands of a dry run, one JSON object per line; pass it as `show`.

    Args:
        path: of the file, which is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def __call__(self, waypoint: Waypoint) -> None:
        """Write a command."""
        values = {key: getattr(value, "tolist", lambda value=value: value)() for key, value in vars(waypoint).items()}
        self._file.write(json.dumps(values) + "\n")

    def close(self) -> None:
        """Close the file; can be called twice."""
        self._file.close()
