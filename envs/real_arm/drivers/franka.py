"""Franka arms (FR3, Panda) over franky-control, whose Cartesian impedance tracker follows poses at 1 kHz."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ArmFaultError, ConfigError

from ..client_library import client_library
from .franka_hand import MAX_WIDTH_M, FrankaHand

FREE: dict[str, Any] = {
    "translational_stiffness": 0.0,
    "rotational_stiffness": 0.0,
    "damping": np.array([5.0, 5.0, 5.0, 0.5, 0.5, 0.5]),
}
"""Gains of the tracker in free drive: no stiffness, and a little damping in N s/m and N m s/rad.

The arm compensates its own weight, and that of the tool as configured in Desk.
"""


class FrankaServo:
    """A `dpbench.arms.control.servo.Servo`. Activate FCI in Desk first; the arm's lights must be blue.

    Args:
        address: name or IP of the controller.
        has_gripper: whether a Franka Hand is mounted.
        rate_hz: rate of commands.
        stiffness_n_m: translational stiffness of the impedance controller.
        stiffness_nm_rad: its rotational stiffness.
        needs_realtime: refuse to run without a real-time kernel.
    """

    def __init__(
        self,
        address: str,
        has_gripper: bool = True,
        rate_hz: float = 100.0,
        stiffness_n_m: float = 800.0,
        stiffness_nm_rad: float = 40.0,
        needs_realtime: bool = True,
    ) -> None:
        self.spec = ArmSpec("franka", n_joints=7, rate_hz=rate_hz, gripper_m=MAX_WIDTH_M if has_gripper else 0.0)
        self._address, self._needs_realtime = address, needs_realtime
        self._stiffness = {"translational_stiffness": stiffness_n_m, "rotational_stiffness": stiffness_nm_rad}
        self._franky: Any = None
        self._robot: Any = None
        self._tracker: Any = None
        self._hand: FrankaHand | None = None

    def connect(self) -> None:
        """Connect, recover from past errors, and start the tracker; see `Servo`."""
        franky = self._franky = client_library("franky", "franka")
        self.close()
        realtime = franky.RealtimeConfig.Enforce if self._needs_realtime else franky.RealtimeConfig.Ignore
        try:
            self._robot = franky.Robot(self._address, realtime_config=realtime)
            self._robot.recover_from_errors()
            self._track(self._stiffness)
            if self.spec.gripper_m > 0:
                self._hand = FrankaHand(franky.Gripper(self._address), franky.Exception)
        except franky.Exception as error:
            self.close()
            raise ConfigError(
                f"the Franka arm at {self._address!r} cannot be controlled ({error}): unlock its joints, activate FCI "
                "in Desk, release the emergency stop, and check the address."
            ) from error

    def read(self) -> ArmState:
        """See `Servo`."""
        robot = self._connected()
        try:
            state, now = robot.state, time.monotonic()
        except self._franky.Exception as error:
            raise OSError(f"the Franka arm at {self._address!r} cannot be reached: {error}") from error
        pose, fault = state.O_T_EE, None
        if state.robot_mode in (self._franky.RobotMode.Reflex, self._franky.RobotMode.UserStopped):
            fault = f"{state.robot_mode}: {state.current_errors}; check Desk"
        elif not self._tracker.is_running:
            fault = f"the tracker has stopped: {state.last_motion_errors}; check Desk"
        width = 0.0 if self._hand is None else self._hand.width_m
        return ArmState(now, np.array(pose.translation), np.array(pose.quaternion), np.array(state.q), width, fault)

    def send(self, waypoint: Waypoint) -> None:
        """See `Servo`."""
        self._connected()
        if not self._tracker.is_running:
            raise ArmFaultError(f"the Franka arm at {self._address!r} has stopped following; check Desk")
        try:
            self._tracker.set_target(self._franky.Affine(waypoint.position, waypoint.quaternion))
        except self._franky.Exception as error:
            raise OSError(f"the Franka arm at {self._address!r} cannot be reached: {error}") from error
        if self._hand is not None:
            self._hand.wanted_m = waypoint.gripper_m

    def free_drive(self, on: bool) -> None:
        """See `dpbench.arms.control.servo.FreeDrive`; uses a tracker without stiffness.

        Raises:
            OSError: if the arm does not switch.
        """
        self._connected()
        self.stop()
        try:
            self._track(FREE if on else self._stiffness)
        except self._franky.Exception as error:
            raise OSError(f"the Franka arm at {self._address!r} did not switch free drive: {error}") from error

    def stop(self) -> None:
        """See `Servo`."""
        if self._tracker is not None:
            try:
                self._tracker.stop()
            except self._franky.Exception as error:
                raise OSError(f"the Franka arm at {self._address!r} stopped by itself: {error}") from error

    def close(self) -> None:
        """See `Servo`."""
        if self._hand is not None:
            self._hand.close()
        with contextlib.suppress(OSError):  # the arm has stopped by itself
            self.stop()
        self._hand = self._tracker = self._robot = None

    def _track(self, gains: dict[str, Any]) -> None:
        """Start a tracker at the arm's present pose."""
        self._tracker = self._franky.CartesianImpedanceTracker(self._robot, **gains)

    def _connected(self) -> Any:
        if self._tracker is None or (self._hand is not None and self._hand.lost):
            raise OSError(f"the connection to the Franka arm at {self._address!r} or its hand is lost: check both.")
        return self._robot
