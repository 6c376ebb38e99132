"""UFACTORY arms (xArm 5, 6, 7, Lite 6, 850) over xArm-Python-SDK, in servo mode; needs firmware 1.4.7 or newer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ArmFaultError, ConfigError

from ..client_library import client_library
from .poses import place_and_quaternion, six_numbers

MM = 1000.0
SERVO_MODE, TEACH_MODE, READY, STOPPED = 1, 2, 0, 4
SWITCH_S = 0.1
"""Duration of a mode switch, as in the manufacturer's examples; poses sent earlier are refused."""
ANSWERED = (0, 1, 2)
"""Return codes of an answer: no error, controller error, controller warning."""
PULSES_PER_M = 850 / 0.085
"""Unit of the xArm gripper."""
GRIPPER_EVERY_S, GRIPPER_STEP_M = 0.1, 0.001
"""The gripper is on a slow bus. It is read and commanded at this period, and only if its width changes by this much."""


class UfactoryServo:
    """A `dpbench.arms.control.servo.Servo`.

    Args:
        address: IP of the controller.
        n_joints: of the arm, 5 to 7.
        gripper_m: 0.085 with an xArm gripper, 0 without one.
        rate_hz: rate of commands, 30 to 250 Hz as the manufacturer recommends.
        timeout_s: an answer that takes longer counts as a lost connection.

    Raises:
        ConfigError: for a rate or a number of joints out of range.
    """

    def __init__(
        self,
        address: str,
        n_joints: int = 7,
        gripper_m: float = 0.0,
        rate_hz: float = 100.0,
        timeout_s: float = 0.2,
    ) -> None:
        if not (30 <= rate_hz <= 250 and 5 <= n_joints <= 7):
            raise ConfigError(f"rate_hz = {rate_hz}, n_joints = {n_joints}: expected 30 to 250 Hz and 5 to 7 joints.")
        self.spec = ArmSpec("ufactory", n_joints=n_joints, rate_hz=rate_hz, gripper_m=gripper_m)
        self._address, self._timeout_s = address, timeout_s
        self._arm: Any = None
        self._width_m = self._wanted_m = gripper_m
        self._asked_s = self._told_s = 0.0

    def connect(self) -> None:
        """Connect, clear past errors, and enter servo mode; see `Servo`."""
        library = client_library("xarm.wrapper", "ufactory")
        self.close()
        try:
            self._arm = library.XArmAPI(self._address, is_radian=True)
        except Exception as error:  # the SDK raises the base class
            raise ConfigError(
                f"the arm at {self._address!r} does not answer ({error}): check its power, address and cable."
            ) from error
        arm = self._arm
        arm.set_timeout(self._timeout_s)
        arm.clean_error()
        arm.clean_warn()
        steps = {
            "enable": arm.motion_enable(True),
            "servo mode": arm.set_mode(SERVO_MODE),
            "start": arm.set_state(READY),
        }
        time.sleep(SWITCH_S)
        if self.spec.gripper_m > 0:
            steps["gripper"] = arm.set_gripper_enable(True)
        failed = {name: code for name, code in steps.items() if code != 0}
        if failed or arm.error_code:
            error_code = arm.error_code
            self.close()
            raise ConfigError(
                f"the arm at {self._address!r} is not ready (codes {failed}, error {error_code}): release its "
                "emergency stop, check UFACTORY Studio, and connect again."
            )
        self._wanted_m = self._width_m

    def read(self) -> ArmState:
        """See `Servo`."""
        arm = self._connected()
        now = time.monotonic()
        pose = self._answer(arm.get_position_aa(is_radian=True))
        joints = self._answer(arm.get_servo_angle(is_radian=True))
        if self.spec.gripper_m > 0 and now - self._asked_s > GRIPPER_EVERY_S:
            self._asked_s = now
            self._width_m = float(self._answer(arm.get_gripper_position())) / PULSES_PER_M
        position, quaternion = place_and_quaternion(pose, MM)
        fault = f"error {arm.error_code} of the controller; check UFACTORY Studio" if arm.error_code else None
        return ArmState(now, position, quaternion, np.array(joints[: self.spec.n_joints]), self._width_m, fault)

    def send(self, waypoint: Waypoint) -> None:
        """See `Servo`."""
        arm = self._connected()
        code = arm.set_servo_cartesian_aa(six_numbers(waypoint, MM), is_radian=True)
        if code != 0:
            raise ArmFaultError(f"the arm at {self._address!r} refused a pose with code {code}; check UFACTORY Studio")
        now, change_m = time.monotonic(), abs(waypoint.gripper_m - self._wanted_m)
        if self.spec.gripper_m > 0 and change_m > GRIPPER_STEP_M and now - self._told_s > GRIPPER_EVERY_S:
            self._told_s, self._wanted_m = now, waypoint.gripper_m
            arm.set_gripper_position(self._wanted_m * PULSES_PER_M, wait=False, wait_motion=False)

    def free_drive(self, on: bool) -> None:
        """See `dpbench.arms.control.servo.FreeDrive`; configure the weight of the tool, or the arm sinks.

        Raises:
            OSError: if the controller refuses.
        """
        arm = self._connected()
        codes = arm.set_mode(TEACH_MODE if on else SERVO_MODE), arm.set_state(READY)
        if codes != (0, 0):
            raise OSError(
                f"the arm at {self._address!r} did not switch free drive (codes {codes}): check UFACTORY Studio."
            )
        time.sleep(SWITCH_S)

    def stop(self) -> None:
        """See `Servo`."""
        if self._arm is not None and self._arm.connected:
            self._arm.set_state(STOPPED)

    def close(self) -> None:
        """See `Servo`."""
        arm, self._arm = self._arm, None
        if arm is not None:
            arm.disconnect()

    def _connected(self) -> Any:
        if self._arm is None or not self._arm.connected:
            raise OSError(f"the connection to the arm at {self._address!r} is lost: check its power and cable.")
        return self._arm

    def _answer(self, answer: tuple[int, Any]) -> Any:
        code, value = answer
        if code not in ANSWERED:
            raise OSError(f"the arm at {self._address!r} did not answer (code {code}): check its power and cable.")
        return value
