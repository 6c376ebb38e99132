"""Drivers over fakes of their client libraries: units, faults, lost connections, advice."""

from __future__ import annotations

import inspect
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dpbench.arms.control.servo import FreeDrive
from dpbench.arms.driver import Waypoint
from dpbench.envs.real_arm.drivers.franka import FREE, FrankaServo
from dpbench.envs.real_arm.drivers.lerobot import GRIPPER_KEY, POSE_KEYS, LeRobotServo
from dpbench.envs.real_arm.drivers.poses import place_and_quaternion, six_numbers
from dpbench.envs.real_arm.drivers.ufactory import UfactoryServo
from dpbench.envs.real_arm.drivers.ur_rtde import UrRtdeServo
from dpbench.errors import ArmFaultError, ConfigError, MissingExtraError

QUATERNION = np.array([0.5, -0.5, 0.5, 0.5])


def to(x: float, gripper_m: float = 0.04) -> Waypoint:
    return Waypoint(0.0, np.array([x, -0.1, 0.3]), QUATERNION, gripper_m)


@pytest.mark.parametrize("seed", range(20))
def test_poses_go_there_and_back(seed: int) -> None:
    quaternion = np.random.default_rng(seed).normal(size=4)
    waypoint = Waypoint(0.0, np.array([0.1, 0.2, -0.3]), quaternion / np.linalg.norm(quaternion), 0.0)
    numbers = six_numbers(waypoint, 1000.0)
    assert np.allclose(numbers[:3], (100.0, 200.0, -300.0))
    position, back = place_and_quaternion(numbers, 1000.0)
    assert np.allclose(position, waypoint.position)
    assert abs(float(back @ waypoint.quaternion)) > 1 - 1e-9


@pytest.mark.parametrize(
    ("servo", "module", "extra"),
    [
        (UrRtdeServo("127.0.0.1"), "rtde_receive", "ur"),
        (UfactoryServo("127.0.0.1"), "xarm.wrapper", "ufactory"),
        (FrankaServo("127.0.0.1"), "franky", "franka"),
        (LeRobotServo("lerobot.robots:make_robot_from_config"), "lerobot", "lerobot"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_its_library_a_driver_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, servo: Any, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=rf"pip install 'dpbench\[{extra}\]'"):
        servo.connect()
    with pytest.raises(OSError, match=r"is lost"):
        servo.read()
    servo.close()


class FakeRobot:
    """LeRobot's `Robot` interface; it is where it was sent, but no higher than 0.5 m."""

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


def test_lerobot_is_sent_tool_poses() -> None:
    robot = FakeRobot()
    servo = LeRobotServo(robot, n_joints=1)
    servo.connect()
    servo.send(Waypoint(0.0, np.array([0.3, 0.1, 0.9]), QUATERNION, 0.02))
    state = servo.read()
    assert servo.sent["ee.z"] == 0.5, "what was really sent is kept"
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
    """Switches torque, and notes where the robot would go when it comes back."""

    def __init__(self, robot: FakeRobot) -> None:
        self.robot, self.has_torque, self.went_to = robot, True, 0.0

    def disable_torque(self) -> None:
        self.has_torque = False

    def enable_torque(self) -> None:
        self.has_torque, self.went_to = True, self.robot.values["ee.x"]


def test_lerobot_is_moved_by_hand_without_torque() -> None:
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
    assert servo.sent["ee.x"] == robot.bus.went_to == 0.4, "it stays where the hand has put it"


def test_lerobot_that_cannot_hold_is_a_lost_connection() -> None:
    robot = FakeRobot()
    servo = LeRobotServo(robot, n_joints=1)
    servo.connect()
    robot.values["ee.x"] = 3.0
    with pytest.raises(OSError, match="cannot hold"):
        servo.stop()


def test_lerobot_by_the_name_of_a_factory() -> None:
    servo = LeRobotServo(f"{__name__}:make_robot", n_joints=1)
    servo.connect()
    assert servo.read().gripper_m == pytest.approx(0.04)
    servo.close()


@pytest.mark.parametrize(
    ("servo", "words"),
    [
        (LeRobotServo(FakeRobot(("shoulder.pos", GRIPPER_KEY))), "lack ee.x, ee.y"),
        (LeRobotServo(FakeRobot()), "n_joints = 0, but the fake observes 1"),
        (LeRobotServo(f"{__name__}:nothing"), "makes no robot"),
        (LeRobotServo(f"{__name__}:make_robot", {"color": 1}), "makes no robot"),
        (LeRobotServo(f"{__name__}:make_robot", {"is_broken": True}), "cannot connect to the fake"),
    ],
)
def test_lerobot_gives_advice(servo: LeRobotServo, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        servo.connect()


class FakeXArm:
    """As much of XArmAPI as is used: mm, and codes in place of exceptions."""

    newest: FakeXArm

    def __init__(self, address: str, is_radian: bool) -> None:
        if address == "nobody":
            raise Exception("connect socket failed")  # as the SDK does
        assert is_radian
        FakeXArm.newest = self
        self.pose = [400.0, -100.0, 300.0, *six_numbers(to(0.4))[3:]]
        self.calls: list[tuple[str, Any]] = []
        self.connected, self.error_code, self.code, self.pulses = True, 0, 0, 850.0
        self.enabled, self.refused = 1 if address == "locked" else 0, 0

    def __getattr__(self, name: str) -> Any:
        if name not in {
            "set_timeout",
            "clean_error",
            "clean_warn",
            "motion_enable",
            "set_mode",
            "set_state",
            "set_gripper_enable",
        }:
            raise AttributeError(name)

        def call(value: Any = None) -> int:
            self.calls.append((name, value))
            return self.enabled if name == "motion_enable" else self.refused

        return call

    def get_position_aa(self, is_radian: bool) -> tuple[int, list[float]]:
        assert is_radian
        return self.code, self.pose

    def get_servo_angle(self, is_radian: bool) -> tuple[int, list[float]]:
        assert is_radian
        return self.code, [0.1] * 7

    def get_gripper_position(self) -> tuple[int, float]:
        return self.code, self.pulses

    def set_gripper_position(self, pulses: float, wait: bool, wait_motion: bool) -> int:
        assert not wait
        assert not wait_motion
        self.calls.append(("set_gripper_position", pulses))
        return 0

    def set_servo_cartesian_aa(self, pose: list[float], is_radian: bool) -> int:
        assert is_radian
        self.pose = pose
        return self.code

    def disconnect(self) -> None:
        self.connected = False


@pytest.fixture
def xarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarm.wrapper", SimpleNamespace(XArmAPI=FakeXArm))  # type: ignore[arg-type]


@pytest.mark.usefixtures("xarm")
def test_ufactory_counts_in_mm_and_pulses() -> None:
    servo = UfactoryServo("10.0.0.2", n_joints=6, gripper_m=0.085)
    servo.connect()
    arm = FakeXArm.newest
    assert [call for call in arm.calls if call[0] in ("set_mode", "set_state")] == [("set_mode", 1), ("set_state", 0)]
    state = servo.read()
    assert np.allclose(state.position, (0.4, -0.1, 0.3))
    assert np.allclose(state.quaternion, QUATERNION)
    assert state.joints.shape == (6,)
    assert state.gripper_m == pytest.approx(0.085)
    servo.send(to(0.41, gripper_m=0.0425))
    servo.send(to(0.42, gripper_m=0.0426))
    assert arm.pose[0] == pytest.approx(420.0)
    assert [round(value) for name, value in arm.calls if name == "set_gripper_position"] == [425], "once, not a tick"
    servo.send(to(0.42, gripper_m=0.02))
    assert arm.calls[-1][1] == pytest.approx(425), "its slow bus is left alone for a while"
    servo._told_s -= 1.0
    servo.send(to(0.42, gripper_m=0.02))
    assert arm.calls[-1] == ("set_gripper_position", pytest.approx(200)), "but the last width comes"
    arm.error_code = 31
    fault = servo.read().fault
    assert fault is not None
    assert "error 31" in fault
    arm.code = 9
    with pytest.raises(ArmFaultError, match="code 9"):
        servo.send(to(0.4))
    arm.code = 3
    with pytest.raises(OSError, match="did not answer"):
        servo.read()
    servo.stop()
    assert arm.calls[-1] == ("set_state", 4)
    arm.connected = False
    with pytest.raises(OSError, match="is lost"):
        servo.read()
    servo.close()
    servo.close()


@pytest.mark.usefixtures("xarm")
def test_ufactory_is_moved_by_hand_in_its_teach_mode() -> None:
    servo = UfactoryServo("10.0.0.2")
    servo.connect()
    arm = FakeXArm.newest
    arm.calls.clear()
    servo.free_drive(True)
    assert arm.calls == [("set_mode", 2), ("set_state", 0)]
    servo.free_drive(False)
    assert arm.calls[2:] == [("set_mode", 1), ("set_state", 0)]
    arm.refused = 9
    with pytest.raises(OSError, match=r"codes \(9, 9\)"):
        servo.free_drive(True)


@pytest.mark.usefixtures("xarm")
@pytest.mark.parametrize(("address", "words"), [("nobody", "does not answer"), ("locked", "is not ready")])
def test_ufactory_gives_advice(address: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        UfactoryServo(address).connect()
    with pytest.raises(ConfigError, match="30 to 250 Hz"):
        UfactoryServo(address, rate_hz=1000.0)


class FrankyError(Exception):
    """franky's own base class of exceptions."""


class FakeFranka:
    """Robot, tracker and gripper of franky in one, with faults to switch on."""

    def __init__(self) -> None:
        self.translation, self.quaternion = np.array([0.4, -0.1, 0.3]), QUATERNION
        self.mode, self.is_running, self.is_cut, self.width, self.moves = "Move", True, False, 0.08, [0.0][:0]
        self.gains: dict[str, Any] = {}

    def robot(self, address: str, realtime_config: str) -> FakeFranka:
        if address == "nobody":
            raise FrankyError("no route")
        assert realtime_config == "enforce"
        return self

    def recover_from_errors(self) -> bool:
        self.mode, self.is_running = "Move", True
        return True

    def tracker(self, robot: Any, **gains: Any) -> FakeFranka:
        assert robot is self
        if self.is_cut:
            raise FrankyError("UDP timeout")
        self.gains, self.is_running = gains, True
        return self

    @property
    def state(self) -> Any:
        if self.is_cut:
            raise FrankyError("UDP timeout")
        return SimpleNamespace(
            O_T_EE=self, q=np.zeros(7), robot_mode=self.mode, current_errors="[reflex]", last_motion_errors="[]"
        )

    def set_target(self, pose: tuple[Any, Any]) -> None:
        self.translation, self.quaternion = pose

    def stop(self) -> None:
        self.is_running = False

    def move_async(self, width: float, speed: float) -> Any:
        assert speed > 0
        self.moves.append(width)
        self.width = width
        return SimpleNamespace(wait=lambda timeout: timeout == 0.0)


@pytest.fixture
def franka(monkeypatch: pytest.MonkeyPatch) -> FakeFranka:
    fake = FakeFranka()
    library = SimpleNamespace(
        Exception=FrankyError,
        Robot=fake.robot,
        CartesianImpedanceTracker=fake.tracker,
        Gripper=lambda _: fake,
        Affine=lambda translation, quaternion: (translation, quaternion),
        RealtimeConfig=SimpleNamespace(Enforce="enforce", Ignore="ignore"),
        RobotMode=SimpleNamespace(Reflex="Reflex", UserStopped="UserStopped"),
    )
    monkeypatch.setitem(sys.modules, "franky", library)  # type: ignore[arg-type]
    return fake


def test_franka_follows_poses_and_its_hand_widths(franka: FakeFranka) -> None:
    servo = FrankaServo("10.0.0.3")
    servo.connect()
    assert franka.gains == {"translational_stiffness": 800.0, "rotational_stiffness": 40.0}
    servo.send(to(0.45, gripper_m=0.03))
    end_s = time.monotonic() + 3.0
    while servo.read().gripper_m != 0.03 and time.monotonic() < end_s:
        time.sleep(0.01)
    servo.send(to(0.45, gripper_m=0.031))
    time.sleep(0.12)
    state = servo.read()
    assert state.position[0] == 0.45
    assert np.allclose(state.quaternion, QUATERNION)
    assert franka.moves == [0.03], "a small change does not move the hand"
    franka.mode = "Reflex"
    fault = servo.read().fault
    assert fault is not None
    assert "[reflex]" in fault
    servo.stop()
    with pytest.raises(ArmFaultError, match="stopped following"):
        servo.send(to(0.4))
    servo.connect()
    assert servo.read().fault is None, "connecting anew recovers"
    franka.is_cut = True
    with pytest.raises(OSError, match="cannot be reached"):
        servo.read()
    servo.close()
    servo.close()


def test_franka_is_moved_by_hand_without_stiffness(franka: FakeFranka) -> None:
    servo = FrankaServo("10.0.0.3", has_gripper=False)
    servo.connect()
    servo.stop()
    servo.free_drive(True)
    assert franka.gains["translational_stiffness"] == franka.gains["rotational_stiffness"] == 0.0
    assert servo.read().fault is None
    servo.free_drive(False)
    assert franka.gains == {"translational_stiffness": 800.0, "rotational_stiffness": 40.0}
    servo.send(to(0.42))
    franka.is_cut = True
    with pytest.raises(OSError, match="did not switch free drive"):
        servo.free_drive(True)
    servo.close()


def test_every_driver_that_can_be_moved_by_hand_says_so() -> None:
    for servo in (
        UrRtdeServo("127.0.0.1"),
        UfactoryServo("127.0.0.1"),
        FrankaServo("127.0.0.1"),
        LeRobotServo(FakeRobot()),
    ):
        assert isinstance(servo, FreeDrive)
        with pytest.raises(OSError, match="is lost"):
            servo.free_drive(True)


@pytest.mark.usefixtures("franka")
def test_franka_gives_advice() -> None:
    with pytest.raises(ConfigError, match="activate FCI"):
        FrankaServo("nobody").connect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves its socket open
def test_the_fake_of_ufactory_is_like_the_real_library() -> None:
    library = pytest.importorskip("xarm.wrapper", reason="pip install 'dpbench[ufactory]'")
    for name in ("get_position_aa", "get_servo_angle", "set_servo_cartesian_aa", "get_gripper_position"):
        real = inspect.signature(getattr(library.XArmAPI, name)).parameters
        own = inspect.signature(getattr(FakeXArm, name)).parameters
        assert "kwargs" in real or set(own) - {"pose"} <= set(real), name
    with pytest.raises(ConfigError, match="does not answer"):
        UfactoryServo("127.0.0.1").connect()


def test_the_fake_of_franka_is_like_the_real_library() -> None:
    franky = pytest.importorskip("franky", reason="pip install 'dpbench[franka]'")
    pose = franky.Affine(np.array([0.4, -0.1, 0.3]), QUATERNION)
    assert np.allclose(pose.translation, (0.4, -0.1, 0.3))
    assert np.allclose(pose.quaternion, QUATERNION)
    for kind, names in {
        franky.RobotState: ("O_T_EE", "q", "robot_mode", "current_errors", "last_motion_errors"),
        franky.Robot: ("state", "recover_from_errors"),
        franky.CartesianImpedanceTracker: ("set_target", "is_running", "stop"),
        franky.Gripper: ("width", "move_async"),
        franky.RobotMode: ("Reflex", "UserStopped"),
    }.items():
        assert all(hasattr(kind, name) for name in names), kind
    free = franky.CartesianImpedanceTrackingMotion(
        **{name: value for name, value in FREE.items() if name.endswith("stiffness")}
    )
    assert not free.get_gains().stiffness.any(), "it takes no stiffness at all"
    with pytest.raises(ConfigError, match="activate FCI"):
        FrankaServo("127.0.0.1", needs_realtime=False).connect()
