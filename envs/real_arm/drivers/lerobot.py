"""Any arm that implements LeRobot's `Robot` interface (lerobot.robots.robot, version 0.4.4), commanded by tool poses.

LeRobot's arms use joint positions. Its kinematic processors (lerobot.robots.so_follower.robot_kinematic_processor) add
the keys ee.x, ee.y, ee.z (m), ee.wx, ee.wy, ee.wz (rotation vector, rad) and ee.gripper_pos. This driver needs a
`Robot` whose features have these keys: an arm wrapped in the processors.
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

    Use dpbench's camera drivers instead of cameras of the `Robot`: its `get_observation` would wait for them.

    Args:
        robot: the `Robot`, or `"module:factory"` of a function that returns one.
        arguments: keyword arguments of the factory.
        n_joints: number of joints whose `<name>.pos` is in its observations, without the gripper. LeRobot's kinematic
            processors remove them; then it is 0.
        in_degrees: whether those are in degrees, as in LeRobot, or in rad.
        rate_hz: rate of commands.
        gripper_m: opening of the gripper when fully open.
        gripper_open: value of ee.gripper_pos then; closed is 0.
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
        self._source, self._arguments = robot, arguments or {}
        self._radian = np.pi / 180 if in_degrees else 1.0
        self._metre = gripper_open / gripper_m
        self._robot: Any = None
        self.sent: dict[str, Any] = {}
        """The last action as `send_action` returned it: what was actually sent to the arm."""

    def connect(self) -> None:
        """See `Servo`."""
        if self._robot is None:
            robot = _create(self._source, self._arguments) if isinstance(self._source, str) else self._source
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
            raise ConfigError(
                f"n_joints = {self.spec.n_joints}, but {self._robot} observes {n_joints}: use this number."
            )

    def read(self) -> ArmState:
        """See `Servo`; its time is when the observation was requested."""
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
        except (RuntimeError, ValueError) as error:  # from LeRobot's limits or its inverse kinematics
            raise ArmFaultError(f"LeRobot refused the pose {action}: {error}") from error

    def free_drive(self, on: bool) -> None:
        """See `dpbench.arms.control.servo.FreeDrive`; hold the arm, since it falls without torque.

        Raises:
            ConfigError: for a `Robot` without a `bus` that switches the torque of its motors.
        """
        bus: Any = getattr(self._connected(), "bus", None)
        if not (hasattr(bus, "enable_torque") and hasattr(bus, "disable_torque")):
            raise ConfigError(
                f"{self._robot} has no bus that switches the torque of its motors: record with --operator keyboard or "
                "spacemouse."
            )
        if on:
            bus.disable_torque()
        else:
            self.stop()  # otherwise it would move to its last goal
            bus.enable_torque()

    def stop(self) -> None:
        """Hold the measured pose, since LeRobot's arms have no brake."""
        if self._robot is not None and self._robot.is_connected:
            state = self.read()
            try:
                self.send(Waypoint(state.time_s, state.position, state.quaternion, state.gripper_m))
            except ArmFaultError as error:
                raise OSError(f"the arm cannot hold its pose: {error}") from error

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


def _create(factory: str, arguments: dict[str, Any]) -> Any:
    module, _, name = factory.partition(":")
    try:
        return getattr(importlib.import_module(module), name)(**arguments)
    except ImportError as error:
        raise MissingExtraError(
            f"robot = {factory!r} cannot be imported ({error}); pip install 'dpbench[lerobot]', or check the module"
        ) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"robot = {factory!r} with {arguments} did not return a robot ({error}): expected 'module:factory' of a "
            "function that returns a LeRobot Robot."
        ) from error


def _check_features(robot: Any) -> None:
    for kind in ("observation_features", "action_features"):
        features = getattr(robot, kind, None) or {}
        if lacking := [key for key in (*POSE_KEYS, GRIPPER_KEY) if key not in features]:
            raise ConfigError(
                f"{kind} of {robot} lack {', '.join(lacking)}: use a Robot that takes tool poses, wrapped in LeRobot's "
                "ForwardKinematicsJointsToEEObservation and InverseKinematicsEEToJoints."
            )
