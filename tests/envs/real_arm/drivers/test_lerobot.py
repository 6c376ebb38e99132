"""The LeRobot driver over a fake `Robot`: keys, units, free drive, lost connections, advice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpbench.arms.driver import Waypoint
from dpbench.envs.real_arm.drivers.lerobot import GRIPPER_KEY, POSE_KEYS, LeRobotServo
from dpbench.errors import ArmFaultError, ConfigError

from .waypoint import QUATERNION, to


class FakeRobot:
    """LeRobot's `Robot` interface; the arm is where its last command was, but not above 0.5 m."""

    bus: Any = None

    def __init__(self, keys: tuple[str, ...] = (*POSE_KEYS, GRIPPER_KEY)) -> None:
        self.observation_features = {**dict.fromkeys(keys, float), "elbow.pos": float}
        self.action_features = dict.fromkeys(keys, float)
        self.is_connected = False
        self.values: dict[str, float] = {**dict.fromkeys(keys, 0.25), GRIPPER_KEY: 50.0, "elbow.pos": 90.0}

    def __str__(self) -> str:
        return "the fake"

    def connect(self, calibrate: bool = True) -> None:
        if not calibrate:
            raise ValueError("not calibrated")
        self.is_connected = True

    def get_observation(self) -> dict[str, Any]:
        if not self.is_connected:
            raise ConnectionError("not connected")
        return dict(self.values)

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        assert set(action) == set(self.action_features)
        if action["ee.x"] > 2.0:
            raise ValueError("EE jump")
        sent = {**action, "ee.z": min(action["ee.z"], 0.5)}
        self.values |= sent
        return sent

    def disconnect(self) -> None:
        self.is_connected = False


def make_robot(is_broken: bool = False) -> FakeRobot:
    robot = FakeRobot()
    if is_broken:
        robot.connect = lambda: robot.get_observation() and None  # type: ignore[method-assign]
    return robot


def test_tool_poses_are_sent_in_its_units() -> None:
    robot = FakeRobot()
    servo = LeRobotServo(robot, n_joints=1)
    servo.connect()
    servo.send(Waypoint(0.0, np.array([0.3, 0.1, 0.9]), QUATERNION, 0.02))
    state = servo.read()
    assert servo.sent["ee.z"] == 0.5, "what was actually sent is kept"
    assert np.allclose(state.position, (0.3, 0.1, 0.5))
    assert np.allclose(state.quaternion, QUATERNION)
    assert np.allclose(state.joints, np.pi / 2)
    assert state.gripper_m == pytest.approx(0.02)
    assert robot.values[GRIPPER_KEY] == pytest.approx(25.0)
    servo.stop()
    assert np.allclose(servo.read().position, state.position)
    with pytest.raises(ArmFaultError, match="EE jump"):
        servo.send(to(3.0))
    robot.is_connected = False
    with pytest.raises(OSError, match="is lost"):
        servo.send(to(0.3))
    servo.stop()
    servo.close()
    servo.close()


class FakeBus:
    """Switches torque; notes where the robot would go when torque is enabled."""

    def __init__(self, robot: FakeRobot) -> None:
        self.robot, self.has_torque, self.went_to = robot, True, 0.0

    def disable_torque(self) -> None:
        self.has_torque = False

    def enable_torque(self) -> None:
        self.has_torque, self.went_to = True, self.robot.values["ee.x"]


def test_in_free_drive_the_motors_have_no_torque() -> None:
    robot = FakeRobot()
    servo = LeRobotServo(robot, n_joints=1)
    servo.connect()
    with pytest.raises(ConfigError, match="no bus that switches"):
        servo.free_drive(True)
    robot.bus = FakeBus(robot)
    servo.send(to(0.3))
    servo.free_drive(True)
    assert not robot.bus.has_torque
    robot.values["ee.x"] = 0.4
    servo.free_drive(False)
    assert robot.bus.has_torque
    assert servo.sent["ee.x"] == robot.bus.went_to == 0.4, "it holds where the hand moved it"


def test_an_arm_that_cannot_hold_is_a_lost_connection() -> None:
    robot = FakeRobot()
    servo = LeRobotServo(robot, n_joints=1)
    servo.connect()
    robot.values["ee.x"] = 3.0
    with pytest.raises(OSError, match="cannot hold"):
        servo.stop()


def test_a_robot_can_be_named_by_its_factory() -> None:
    servo = LeRobotServo(f"{__name__}:make_robot", n_joints=1)
    servo.connect()
    assert servo.read().gripper_m == pytest.approx(0.04)
    servo.close()


@pytest.mark.parametrize(
    ("servo", "words"),
    [
        (LeRobotServo(FakeRobot(("shoulder.pos", GRIPPER_KEY))), "lack ee.x, ee.y"),
        (LeRobotServo(FakeRobot()), "n_joints = 0, but the fake observes 1"),
        (LeRobotServo(f"{__name__}:nothing"), "did not return a robot"),
        (LeRobotServo(f"{__name__}:make_robot", {"color": 1}), "did not return a robot"),
        (LeRobotServo(f"{__name__}:make_robot", {"is_broken": True}), "cannot connect to the fake"),
    ],
)
def test_wrong_settings_give_advice(servo: LeRobotServo, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        servo.connect()
