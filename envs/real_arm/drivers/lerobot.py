"""Any arm that fulfils LeRobot's `Robot` interface (lerobot.robots.robot, seen in 0.4.4), commanded by tool poses.

LeRobot's arms speak in joints; its kinematic processors (lerobot.robots.so_follower.robot_kinematic_processor) add
the keys ee.x, ee.y, ee.z (m), ee.wx, ee.wy, ee.wz (axis times angle, rad) and ee.gripper_pos. What is given here is a
`Robot` whose features have these keys: an arm with the processors around it.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

import numpy as np

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ArmFaultError, ConfigError, MissingExtraError

from .poses import place_and_quaternion, six_numbers

POSE_KEYS = ("ee.x", "ee.y", "ee.z", "ee.wx", "ee.wy", "ee.wz")
GRIPPER_KEY, JOINT_ENDING = "ee.gripper_pos", ".pos"


class LeRobotServo:
    """A `dpbench.arms.control.servo.Servo`.

    Cameras belong to dpbench's own drivers, not to the `Robot`: its `get_observation` would wait for them.

    Args:
        robot: the `Robot`, or `"module:factory"` of a function that makes one.
        arguments: keywords of the factory.
        n_joints: joints whose `<name>.pos` its observations hold, the gripper's apart; LeRobot's kinematics drop them.
        in_degrees: whether those are degrees, as LeRobot has them, or rad.
        rate_hz: rate at which it takes commands.
        gripper_m: width between the fingers when open.
        gripper_open: what ee.gripper_pos is then; closed is 0.
    """

    def __init__(
        self,
        robot: Any,
        arguments: dict[str, Any] | None = None,
        n_joints: int = 0,
        in_degrees: bool = True,
        rate_hz: float = 30.0,
        gripper_m: float = 0.08,
        gripper_open: float = 100.0,
    ) -> None:
        self.spec = ArmSpec("lerobot", n_joints=n_joints, rate_hz=rate_hz, gripper_m=gripper_m)
        self._given, self._arguments = robot, arguments or {}
        self._radian = np.pi / 180 if in_degrees else 1.0
        self._metre = gripper_open / gripper_m
        self._robot: Any = None
        self.sent: dict[str, Any] = {}
        """The last action as `send_action` gave it back: what the arm was really sent."""

    def connect(self) -> None:
        """See `Servo`."""
        if self._robot is None:
            robot = _made(self._given, self._arguments) if isinstance(self._given, str) else self._given
            _check_features(robot)
            self._robot = robot
        try:
            if not self._robot.is_connected:
                self._robot.connect()
            n_joints = len(self._joints(self._robot.get_observation()))
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"LeRobot cannot connect to {self._robot} ({error}): check its port and power, and calibrate it with "
                "lerobot-calibrate."
            ) from error
        if n_joints != self.spec.n_joints:
            raise ConfigError(f"n_joints = {self.spec.n_joints}, but {self._robot} observes {n_joints}: set that.")

    def read(self) -> ArmState:
        """See `Servo`; its time is when the observation was asked for."""
        now = time.monotonic()
        seen = self._connected().get_observation()
        position, quaternion = place_and_quaternion([float(seen[key]) for key in POSE_KEYS])
        joints = np.array(self._joints(seen), dtype=np.float64) * self._radian
        return ArmState(now, position, quaternion, joints, float(seen[GRIPPER_KEY]) / self._metre)

    def send(self, waypoint: Waypoint) -> None:
        """See `Servo`."""
        action = dict(zip(POSE_KEYS, six_numbers(waypoint), strict=True))
        try:
            self.sent = self._connected().send_action({**action, GRIPPER_KEY: waypoint.gripper_m * self._metre})
        except (RuntimeError, ValueError) as error:  # of LeRobot's own limits or of its inverse kinematics
            raise ArmFaultError(f"LeRobot refused the pose {action}: {error}") from error

    def free_drive(self, on: bool) -> None:
        """See `dpbench.arms.control.servo.FreeDrive`; without torque the arm falls, so that a hand must hold it.

        Raises:
            ConfigError: for a `Robot` without a `bus` that switches the torque of its motors.
        """
        bus: Any = getattr(self._connected(), "bus", None)
        if not (hasattr(bus, "enable_torque") and hasattr(bus, "disable_torque")):
            raise ConfigError(
                f"{self._robot} has no bus that switches the torque of its motors: teach it with another device."
            )
        if on:
            bus.disable_torque()
        else:
            self.stop()  # with torque it would go to its last goal
            bus.enable_torque()

    def stop(self) -> None:
        """Hold the measured pose: LeRobot's arms have no brake."""
        if self._robot is not None and self._robot.is_connected:
            state = self.read()
            try:
                self.send(Waypoint(state.time_s, state.position, state.quaternion, state.gripper_m))
            except ArmFaultError as error:
                raise OSError(f"the arm cannot hold where it is: {error}") from error

    def close(self) -> None:
        """See `Servo`."""
        if self._robot is not None and self._robot.is_connected:
            self._robot.disconnect()

    def _connected(self) -> Any:
        if self._robot is None or not self._robot.is_connected:
            raise OSError("LeRobot's connection to the arm is lost: check its cable and power.")
        return self._robot

    @staticmethod
    def _joints(observation: dict[str, Any]) -> list[float]:
        names = [name for name in observation if name.endswith(JOINT_ENDING) and not name.startswith("gripper")]
        return [float(observation[name]) for name in names]


def _made(factory: str, arguments: dict[str, Any]) -> Any:
    module, _, name = factory.partition(":")
    try:
        return getattr(importlib.import_module(module), name)(**arguments)
    except ImportError as error:
        raise MissingExtraError(
            f"robot = {factory!r} cannot be imported ({error}); pip install 'dpbench[lerobot]', or check the module"
        ) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"robot = {factory!r} with {arguments} makes no robot ({error}): expected 'module:factory' of a function "
            "that gives a LeRobot Robot."
        ) from error


def _check_features(robot: Any) -> None:
    for kind in ("observation_features", "action_features"):
        features = getattr(robot, kind, None) or {}
        if lacking := [key for key in (*POSE_KEYS, GRIPPER_KEY) if key not in features]:
            raise ConfigError(
                f"{kind} of {robot} lack {', '.join(lacking)}: give a Robot that speaks in tool poses, one with "
                "LeRobot's ForwardKinematicsJointsToEEObservation and InverseKinematicsEEToJoints around it."
            )
