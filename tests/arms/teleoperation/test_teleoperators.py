"""Keyboard and SpaceMouse command a twist, and a twist moves the goal."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dpbench.arms.driver import Waypoint
from dpbench.arms.teleoperation.teleoperators import KeyboardTeleop, SpaceMouseTeleop, Twist, integrated
from dpbench.errors import ArmFaultError, ConfigError, MissingExtraError
from dpbench.rotations import matrix_from_quat, rotvec_from_matrix

LOW, HIGH = (0.2, -0.3, 0.1), (0.6, 0.3, 0.5)
HERE = Waypoint(5.0, np.array([0.4, 0.0, 0.3]), np.array([0.0, 0.0, 0.0, 1.0]), 0.04)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_moves_the_tool_until_shortly_after_its_last_repeat(clock: Clock) -> None:
    operator = KeyboardTeleop(clock=clock)
    assert np.allclose(operator.twist(()).velocity, 0.0)
    assert np.allclose(operator.twist(("up",)).velocity, (0.1, 0.0, 0.0))
    clock.now_s += 0.2
    assert np.allclose(operator.twist(("up", "c")).velocity, (0.1, 0.0, 0.0))
    clock.now_s += 0.2
    assert np.allclose(operator.twist(()).velocity, (0.1, 0.0, 0.0)), "the repeat counts"
    clock.now_s += 0.1
    assert np.allclose(operator.twist(()).velocity, 0.0)


def test_keys_add_up(clock: Clock) -> None:
    twist = KeyboardTeleop(clock=clock).twist(("right", "u", "k", "n", "]"))
    assert np.allclose(twist.velocity, (0.0, -0.1, 0.1))
    assert np.allclose(twist.turn, (0.0, -0.4, 0.4))
    assert twist.gripper_m_s == pytest.approx(0.1)
    opposite = KeyboardTeleop(clock=clock).twist(("up", "down", "[", "]"))
    assert np.allclose(opposite.velocity, 0.0)
    assert opposite.gripper_m_s == 0.0


@pytest.mark.parametrize("ends", ["reset", "space"])
def test_motion_ends_with_a_reset_or_a_stop(clock: Clock, ends: str) -> None:
    operator = KeyboardTeleop(clock=clock)
    operator.twist(("up",))
    if ends == "reset":
        operator.reset()
    assert np.allclose(operator.twist(("space",) if ends == "space" else ()).velocity, 0.0)
    assert np.allclose(operator.twist(()).velocity, 0.0)


def test_invalid_speeds_are_named() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        KeyboardTeleop(speed_m_s=0.0)
    with pytest.raises(ConfigError, match="hold_s"):
        KeyboardTeleop(hold_s=0.0)


def test_a_goal_moves_with_the_twist() -> None:
    twist = Twist(np.array([0.1, 0.0, -0.2]), np.array([0.0, 0.0, 0.5]), 0.05)
    goal = integrated(HERE, twist, 0.1, LOW, HIGH)
    assert goal.time_s == pytest.approx(5.1)
    assert np.allclose(goal.position, (0.41, 0.0, 0.28))
    assert np.allclose(rotvec_from_matrix(matrix_from_quat(goal.quaternion)), (0.0, 0.0, 0.05))
    assert goal.gripper_m == pytest.approx(0.045)


def test_turns_are_about_the_axes_of_the_base() -> None:
    tilted = integrated(HERE, Twist(np.zeros(3), np.array([np.pi / 2, 0.0, 0.0]), 0.0), 1.0, LOW, HIGH)
    turned = integrated(tilted, Twist(np.zeros(3), np.array([0.0, 0.0, np.pi / 2]), 0.0), 1.0, LOW, HIGH)
    # The tool's z, tilted to -y, is turned about the base's z to +x.
    assert np.allclose(matrix_from_quat(turned.quaternion)[:, 2], (1.0, 0.0, 0.0), atol=1e-9)


def test_a_goal_stays_in_the_workspace_and_comes_back_at_once() -> None:
    goal = HERE
    for _ in range(100):
        goal = integrated(goal, Twist(np.full(3, 1.0), np.zeros(3), 0.1), 0.1, LOW, HIGH, gripper_m=0.08)
    assert np.allclose(goal.position, HIGH)
    assert goal.gripper_m == 0.08
    goal = integrated(goal, Twist(np.full(3, -0.1), np.zeros(3), -0.1), 0.1, LOW, HIGH, gripper_m=0.08)
    assert np.allclose(goal.position, np.array(HIGH) - 0.01)
    assert goal.gripper_m == pytest.approx(0.07)
    assert integrated(goal, Twist(np.zeros(3), np.zeros(3), -9.0), 1.0, LOW, HIGH).gripper_m == 0.0


class FakeMouse:
    """The used part of pyspacemouse's device: every read returns one report."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        axes = dict.fromkeys(("x", "y", "z", "roll", "pitch", "yaw"), 0.0)
        self.state = SimpleNamespace(t=-1.0, buttons=[0, 0], **axes)
        self.is_lost, self.n_closed = False, 0

    def read(self) -> Any:
        if self.is_lost:
            raise Exception("Failed to read from HID device: -1")  # as easyhid does, with a class of its own
        if self.reports:
            vars(self.state).update(self.reports.pop(0), t=self.state.t + 0.008)
        return self.state

    def close(self) -> None:
        self.n_closed += 1


@pytest.fixture
def mouse(monkeypatch: pytest.MonkeyPatch) -> FakeMouse:
    fake = FakeMouse()

    def opened(axis_convention: str) -> FakeMouse:
        assert axis_convention == "ros"
        print("SpaceNavigator found")
        return fake

    library = SimpleNamespace(open=opened, AxisConvention=SimpleNamespace(ROS="ros"))
    monkeypatch.setitem(sys.modules, "pyspacemouse", library)  # type: ignore[arg-type]
    return fake


def test_a_space_mouse_moves_along_its_axes(mouse: FakeMouse, capsys: pytest.CaptureFixture[str]) -> None:
    operator = SpaceMouseTeleop(speed_m_s=0.2, turn_rad_s=1.0, dead_zone=0.1)
    assert not capsys.readouterr().out, "standard output belongs to the command"
    assert np.allclose(operator.twist(()).velocity, 0.0)
    mouse.reports = [{"x": 1.0, "y": -1.4, "z": 0.05, "yaw": 0.55}, {"roll": -0.1}]
    twist = operator.twist(())
    assert np.allclose(twist.velocity, (0.2, -0.2, 0.0))
    assert np.allclose(twist.turn, (0.0, 0.0, 0.5))
    assert np.allclose(operator.twist(()).velocity, (0.2, -0.2, 0.0)), "the cap is still pushed"


def test_the_newest_report_of_a_space_mouse_counts(mouse: FakeMouse) -> None:
    operator = SpaceMouseTeleop()
    mouse.reports = [{"x": 1.0}] * 60 + [{"x": 0.0}]
    assert np.allclose(operator.twist(()).velocity, 0.0)
    mouse.reports = [{"x": 1.0}, {"x": 0.0}]
    operator.reset()
    assert not mouse.reports


@pytest.mark.parametrize(("buttons", "speed"), [([1, 0], -0.1), ([0, 1, 1], 0.1), ([1, 1], 0.0), ([], 0.0)])
def test_buttons_move_the_gripper(mouse: FakeMouse, buttons: list[int], speed: float) -> None:
    operator = SpaceMouseTeleop()
    mouse.reports = [{"buttons": buttons}]
    assert operator.twist(()).gripper_m_s == pytest.approx(speed)


def test_a_lost_space_mouse_is_a_fault(mouse: FakeMouse) -> None:
    operator = SpaceMouseTeleop()
    mouse.is_lost = True
    with pytest.raises(ArmFaultError, match="plug it in"):
        operator.twist(())
    operator.close()
    operator.close()
    assert mouse.n_closed == 1
    with pytest.raises(ArmFaultError, match="is closed"):
        operator.twist(())


def test_without_a_space_mouse_there_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(**_: Any) -> Any:
        raise RuntimeError("No connected or supported devices found.")

    library = SimpleNamespace(open=opened, AxisConvention=SimpleNamespace(ROS="ros"))
    monkeypatch.setitem(sys.modules, "pyspacemouse", library)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"No connected .*: plug one in"):
        SpaceMouseTeleop()
    with pytest.raises(ConfigError, match="dead_zone"):
        SpaceMouseTeleop(dead_zone=1.0)
    monkeypatch.setitem(sys.modules, "pyspacemouse", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"pip install 'dpbench\[spacemouse\]'"):
        SpaceMouseTeleop()


def test_the_fake_is_like_the_real_library() -> None:
    library = pytest.importorskip("pyspacemouse", reason="pip install 'dpbench[spacemouse]'")
    assert library.AxisConvention.ROS == "ros"
    assert {"x", "y", "z", "roll", "pitch", "yaw", "t", "buttons"} <= set(dir(library.SpaceMouseState()))
    assert all(hasattr(library.SpaceMouseDevice, name) for name in ("read", "close"))
