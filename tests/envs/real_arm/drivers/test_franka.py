"""The Franka driver over a fake library: poses, the hand, free drive, faults, advice."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dpbench.envs.real_arm.drivers.franka import FREE, FrankaServo
from dpbench.errors import ArmFaultError, ConfigError

from .waypoint import QUATERNION, to


class FrankyError(Exception):
    """franky's base class of exceptions."""


class FakeFranka:
    """Robot, tracker and gripper of franky in one, with faults that can be switched on."""

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


def test_the_arm_follows_poses_and_the_hand_widths(franka: FakeFranka) -> None:
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
    assert servo.read().fault is None, "reconnecting recovers"
    franka.is_cut = True
    with pytest.raises(OSError, match="cannot be reached"):
        servo.read()
    servo.close()
    servo.close()


def test_in_free_drive_there_is_no_stiffness(franka: FakeFranka) -> None:
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


@pytest.mark.usefixtures("franka")
def test_a_failed_connection_gives_advice() -> None:
    with pytest.raises(ConfigError, match="activate FCI"):
        FrankaServo("nobody").connect()


def test_the_fake_has_the_members_of_the_real_library() -> None:
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
    assert not free.get_gains().stiffness.any(), "zero stiffness is accepted"
    with pytest.raises(ConfigError, match="activate FCI"):
        FrankaServo("127.0.0.1", needs_realtime=False).connect()
