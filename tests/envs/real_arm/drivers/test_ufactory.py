"""The UFACTORY driver over a fake SDK: units, error codes, free drive, lost connections, advice."""

from __future__ import annotations

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dpbench.envs.real_arm.drivers.poses import six_numbers
from dpbench.envs.real_arm.drivers.ufactory import UfactoryServo
from dpbench.errors import ArmFaultError, ConfigError

from .waypoint import QUATERNION, to


class FakeXArm:
    """The used part of XArmAPI: mm, and return codes instead of exceptions."""

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
def test_poses_are_in_mm_and_widths_in_pulses() -> None:
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
    assert arm.calls[-1][1] == pytest.approx(425), "not more often than its slow bus allows"
    servo._told_s -= 1.0
    servo.send(to(0.42, gripper_m=0.02))
    assert arm.calls[-1] == ("set_gripper_position", pytest.approx(200)), "but the last width is sent"
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
def test_free_drive_is_the_teach_mode() -> None:
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
def test_a_failed_connection_gives_advice(address: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        UfactoryServo(address).connect()
    with pytest.raises(ConfigError, match="30 to 250 Hz"):
        UfactoryServo(address, rate_hz=1000.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves its socket open
def test_the_fake_has_the_signatures_of_the_real_library() -> None:
    library = pytest.importorskip("xarm.wrapper", reason="pip install 'dpbench[ufactory]'")
    for name in ("get_position_aa", "get_servo_angle", "set_servo_cartesian_aa", "get_gripper_position"):
        real = inspect.signature(getattr(library.XArmAPI, name)).parameters
        own = inspect.signature(getattr(FakeXArm, name)).parameters
        assert "kwargs" in real or set(own) - {"pose"} <= set(real), name
    with pytest.raises(ConfigError, match="does not answer"):
        UfactoryServo("127.0.0.1").connect()
