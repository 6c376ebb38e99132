"""Arms of Universal Robots (CB3 and e-Series) over RTDE, with the library ur_rtde.

Defaults are those of the published Diffusion Policy station: servoL at 125 Hz, lookahead 0.1 s, gain 300, tool centre
point 0.13 m in front of the flange. Source: `diffusion_policy/real_world/real_env.py` in
real-stanford/diffusion_policy, commit 5ba07ac. The arm has no gripper of its own.

If the connection breaks while a command is being sent, the library (1.6.5) may end the whole process. That happened in
3 of 26 runs of `tests/envs/real_arm/drivers/ur_rtde_cases.py`, which breaks it in two of its cases. The robot's own
watchdog then stops the arm.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ArmFaultError, ConfigError

from ..client_library import client_library
from .poses import place_and_quaternion, six_numbers

VARIABLES = ["timestamp", "actual_TCP_pose", "actual_q", "robot_status_bits", "safety_status_bits"]
"""Variables that the robot sends; the default would be fifty."""
IS_RUNNING = 1 << 1
"""Status bit of the robot: a program (here the control script) is running."""
FIRST_STATE_S, NEXT_STATE_S = 2.0, 0.1
"""Timeout for the first state, and for each later one."""
REASON_S = 0.2
"""How long to wait for the state that says why a command was refused; it arrives over another connection."""
KICK_EVERY_S = 0.1
"""Period at which the robot's watchdog is fed while no commands are sent: in free drive and in a dry run."""
UNUSED = 0.5
"""Speed and acceleration arguments of servoL, which the controller ignores."""
_CLOSED: list[Any] = []
"""Closed control interfaces, kept since a thread of the library may still try to reconnect with one."""


class UrRtdeServo:
    """A `dpbench.arms.control.servo.Servo`. Needs remote control, and the ports 29999, 30003 and 30004.

    Args:
        address: name or IP of the robot's controller.
        tcp_offset_m: from the flange to the tool, along the flange's z axis.
        gain: of servoL, 100 to 2000.
        lookahead_s: of servoL, 0.03 to 0.2 s.
        rate_hz: rate of commands and measured states.
        watchdog_hz: the robot ends the program if commands arrive less often than this.
        deceleration_m_s2: deceleration of a stop.

    Raises:
        ConfigError: for values that servoL does not accept.
    """

    def __init__(
        self,
        address: str,
        tcp_offset_m: float = 0.13,
        gain: float = 300.0,
        lookahead_s: float = 0.1,
        rate_hz: float = 125.0,
        watchdog_hz: float = 2.0,
        deceleration_m_s2: float = 4.0,
    ) -> None:
        if not (100 <= gain <= 2000 and 0.03 <= lookahead_s <= 0.2 and 0 < watchdog_hz < rate_hz <= 500):
            raise ConfigError(
                f"gain = {gain}, lookahead_s = {lookahead_s}, rate_hz = {rate_hz}, watchdog_hz = {watchdog_hz}: "
                "expected 100 to 2000, 0.03 to 0.2 s, at most 500 Hz, and less than rate_hz."
            )
        self.spec = ArmSpec("ur-rtde", n_joints=6, rate_hz=rate_hz, gripper_m=0.0)
        self._address, self._tcp_offset_m = address, tcp_offset_m
        self._gain, self._lookahead_s = gain, lookahead_s
        self._watchdog_hz, self._deceleration = watchdog_hz, deceleration_m_s2
        self._control: Any = None
        self._receive: Any = None
        self._robot_s = self._time_s = self._kicked_s = 0.0
        self._is_free = self._has_sent = False

    def connect(self) -> None:
        """Connect, also again after a fault, and start the control script; see `Servo`."""
        receive, control = client_library("rtde_receive", "ur"), client_library("rtde_control", "ur")
        self.close()
        self._robot_s, self._has_sent = -1.0, False  # the robot's clock may have restarted
        try:
            self._receive = receive.RTDEReceiveInterface(self._address, self.spec.rate_hz, VARIABLES)
            if not self._has_next_state(FIRST_STATE_S):
                raise RuntimeError(f"no state within {FIRST_STATE_S} s")
            if stop := self._safety_stop():
                raise RuntimeError(stop)
            self._control = control.RTDEControlInterface(self._address, self.spec.rate_hz)
            has_tcp = self._control.setTcp([0.0, 0.0, self._tcp_offset_m, 0.0, 0.0, 0.0])
            if not (has_tcp and self._control.setWatchdog(self._watchdog_hz)):
                raise RuntimeError("it refused the watchdog" if has_tcp else "it refused the tool offset")
            if not self._has_next_state(FIRST_STATE_S):  # from now on poses are those of the tool
                raise RuntimeError("no more states after the control script had started")
        except (RuntimeError, OSError) as error:  # the class of the library's C++ exceptions
            self.close()
            raise ConfigError(
                f"the UR arm at {self._address!r} cannot be controlled ({error}): switch it on, release its brakes and "
                "stops, set it to remote control, and check the address and the cable."
            ) from error

    def read(self) -> ArmState:
        """See `Servo`; its time is when this process first received the state."""
        receive = self._connected(self._receive)
        robot_s = float(receive.getTimestamp())
        if robot_s != self._robot_s:
            self._robot_s, self._time_s = robot_s, time.monotonic()
        position, quaternion = place_and_quaternion(receive.getActualTCPPose())
        is_idle = self._is_free or not self._has_sent
        if is_idle and time.monotonic() - self._kicked_s > KICK_EVERY_S:
            self._kicked_s = time.monotonic()
            self._done(self._connected(self._control).kickWatchdog)
        return ArmState(self._time_s, position, quaternion, np.array(receive.getActualQ()), 0.0, self._fault())

    def send(self, waypoint: Waypoint) -> None:
        """See `Servo`."""
        control, period_s = self._connected(self._control), 1.0 / self.spec.rate_hz
        pose, self._has_sent = six_numbers(waypoint), True
        if not self._done(control.servoL, pose, UNUSED, UNUSED, period_s, self._lookahead_s, self._gain):
            end_s = time.monotonic() + REASON_S
            while (reason := self._fault()) is None and time.monotonic() < end_s:
                time.sleep(period_s)
            raise ArmFaultError(reason or "it refused a command; check its teach pendant")

    def free_drive(self, on: bool) -> None:
        """See `dpbench.arms.control.servo.FreeDrive`; `read` feeds the robot's watchdog meanwhile.

        Raises:
            OSError: if the robot does not switch.
        """
        control = self._connected(self._control)
        self._is_free = False  # if the command is lost, the unfed watchdog ends free drive
        if not (self._has_next_state(NEXT_STATE_S) and self._done(control.teachMode if on else control.endTeachMode)):
            raise OSError(f"the UR arm at {self._address!r} did not switch free drive: check its teach pendant.")
        self._is_free = on

    def stop(self) -> None:
        """See `Servo`."""
        if self._is_there():
            self._done(self._control.servoStop, self._deceleration)

    def close(self) -> None:
        """See `Servo`."""
        if self._is_there():
            with contextlib.suppress(RuntimeError):  # the connection was lost meanwhile
                self._control.stopScript()
        control, receive, self._control, self._receive = self._control, self._receive, None, None
        self._is_free = False
        if control is not None:
            _CLOSED.append(control)
        for interface in filter(None, (control, receive)):
            with contextlib.suppress(RuntimeError):
                interface.disconnect()

    def _done(self, call: Callable[..., bool], *values: Any) -> bool:
        """The result of a library call; its C++ exceptions arrive as RuntimeError."""
        try:
            return call(*values)
        except RuntimeError as error:
            raise OSError(f"the UR arm at {self._address!r} cannot be reached: {error}") from error

    def _is_there(self) -> bool:
        """Whether the robot answers. If not, the library's commands would block for seconds, holding Python's lock."""
        return self._control is not None and self._receive.isConnected() and self._has_next_state(NEXT_STATE_S)

    def _has_next_state(self, within_s: float) -> bool:
        before, end_s = self._receive.getTimestamp(), time.monotonic() + within_s
        while self._receive.getTimestamp() == before:
            if time.monotonic() > end_s:
                return False
            time.sleep(0.002)
        return True

    def _safety_stop(self) -> str | None:
        if self._receive.isEmergencyStopped():
            return "emergency stop; unlock the button and switch the arm on again"
        return "protective stop; clear it on the teach pendant" if self._receive.isProtectiveStopped() else None

    def _fault(self) -> str | None:
        if not self._receive.getRobotStatus() & IS_RUNNING:
            return self._safety_stop() or "the control script has stopped; check the teach pendant"
        return self._safety_stop()

    def _connected(self, interface: Any) -> Any:
        if interface is None or not interface.isConnected() or not self._receive.isConnected():
            raise OSError(f"the connection to the UR arm at {self._address!r} is lost: check its power and the cable.")
        return interface
