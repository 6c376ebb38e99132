"""A rehearsal: an arm that is read but never moved, and what would be sent to it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dpbench.arms.control.servo import Servo
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint


class DryRun:
    """A `Servo` around a `Servo`.

    States are the arm's own, but the tool's pose is the one that would have been sent last: otherwise the arm would
    seem stuck, and neither the loop nor a policy would go on. `joints` stay as measured.

    Args:
        servo: the arm.
        show: gets every command that would be sent.

    Attributes:
        n_shown: commands so far.
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
        """Connect to the arm, and start from where it is."""
        self._servo.connect()
        self._shown = None

    def read(self) -> ArmState:
        """The arm's state, at the pose shown last."""
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
        """Nothing moves that would have to stop; the arm's own `stop` could end a program that runs on it."""

    def close(self) -> None:
        """Let go of the arm."""
        self._servo.close()
