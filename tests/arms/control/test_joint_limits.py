"""No command takes a joint out of its limits, with the twin's kinematics and with measured joints only."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from dpbench.arms.control.command_filter import CommandFilter
from dpbench.arms.control.joints import JointLimits
from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import ArmState, Waypoint
from dpbench.envs.real_arm.drivers.sim import SimServo
from dpbench.envs.real_arm.kinematics import MujocoKinematics
from dpbench.envs.real_arm.scene import DOWN, HOME_M, WORKSPACE_HIGH_M, WORKSPACE_LOW_M, model_xml
from dpbench.envs.real_arm.twin import Twin
from dpbench.errors import ActionError, ArmFaultError, ConfigError

LIMITS = Limits(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, gripper_m=0.0)
RATE_HZ = 125.0
UPRIGHT = np.array(DOWN)
URDF = """
<robot name="two_links">
  <link name="base"/>
  <link name="upper"><visual><geometry><mesh filename="package://nowhere/upper.stl"/></geometry></visual></link>
  <link name="tool"/>
  <joint name="turn" type="revolute">
    <parent link="base"/><child link="upper"/><axis xyz="0 0 1"/><limit lower="-3" upper="3" effort="1" velocity="1"/>
  </joint>
  <joint name="mount" type="fixed"><parent link="upper"/><child link="tool"/><origin xyz="0.4 0 0.1"/></joint>
</robot>"""


def kinematics() -> MujocoKinematics:
    return MujocoKinematics(mujoco.MjModel.from_xml_string(model_xml()), "tip")


def limits_around(joints: np.ndarray, range_rad: float, speed: float, acceleration: float) -> JointLimits:
    n = len(joints)
    low, high = tuple((joints - range_rad).tolist()), tuple((joints + range_rad).tolist())
    return JointLimits(low, high, (speed,) * n, (acceleration,) * n)


def connected(limits: JointLimits, model: MujocoKinematics | None) -> tuple[SimServo, ServoLoop]:
    servo = SimServo(real_time=False)
    loop = ServoLoop(servo, LIMITS, clock=servo.clock, joint_limits=limits, kinematics=model)
    loop.begin()
    return servo, loop


@pytest.mark.parametrize(("range_rad", "speed", "acceleration"), [(0.5, 1.0, 10.0), (0.3, 0.4, 12.0)])
def test_hostile_commands_keep_the_joints_inside_and_the_arm_moving(
    range_rad: float, speed: float, acceleration: float
) -> None:
    rng = np.random.default_rng(0)
    home = Twin().joints
    servo, loop = connected(limits_around(home, range_rad, speed, acceleration), kinematics())
    joints, moved = [home], 0.0
    for tick in range(1200):
        here = loop.commanded().position
        if tick % 25 == 0:
            goal = (
                rng.uniform(WORKSPACE_LOW_M, WORKSPACE_HIGH_M) if rng.random() < 0.5 else here + rng.normal(0, 0.03, 3)
            )
            turn = rng.standard_normal(4) if rng.random() < 0.3 else UPRIGHT
            loop.schedule([Waypoint(servo.clock() + 0.4, goal, turn, 0.0)])
        loop.tick()
        assert loop.fault is None
        joints.append(servo.read().joints)
        moved += float(np.linalg.norm(loop.commanded().position - here))
    path = np.array(joints)
    assert np.abs(path - home).max() < range_rad + 0.02
    assert np.abs(np.diff(path, axis=0)).max() * RATE_HZ < speed * 1.1
    assert loop.report.n_refused > 20
    assert moved > 0.2


def test_the_arm_rests_before_a_limit_and_comes_back() -> None:
    twin, model = Twin(), kinematics()
    limits = limits_around(twin.joints, 0.25, 2.0, 20.0)
    servo, loop = connected(limits, model)
    command_filter = loop._filter

    def go(y: float, ticks: int) -> None:
        for tick in range(ticks):
            if tick % 25 == 0:
                loop.schedule([Waypoint(servo.clock() + 0.5, np.array([HOME_M[0], y, 0.05]), UPRIGHT, 0.0)])
            loop.tick()
            assert loop.fault is None
            assert command_filter.last is not None
            assert limits.out_of_range(command_filter.last.joints) is None

    go(0.3, 500)
    assert loop.report.n_refused > 100
    assert 0.02 < loop.commanded().position[1] < 0.2
    shown = loop.commanded().position
    go(0.3, 50)
    assert np.allclose(loop.commanded().position, shown, atol=0.005), "it rests there"
    go(0.0, 400)
    assert abs(loop.commanded().position[1]) < 1e-3, "it comes back"


def test_where_even_braking_would_leave_the_limits_nothing_is_sent() -> None:
    """The limits are tightened while the arm moves."""
    home = Twin().joints
    servo, loop = connected(limits_around(home, 1.0, 2.0, 20.0), kinematics())
    loop.schedule([Waypoint(servo.clock() + 0.4, np.array([HOME_M[0], 0.3, 0.1]), UPRIGHT, 0.0)])
    for _ in range(30):
        loop.tick()
    last, ticks = loop.commanded(), servo.scene().n_ticks
    loop._filter._allowed = limits_around(home, 1.0, 0.01, 0.1)
    loop.tick()
    assert "no command keeps the joints inside their limits" in str(loop.fault)
    assert loop.commanded() is last
    assert servo.scene().n_ticks == ticks, "nothing was sent"


def test_without_kinematics_the_measured_joints_are_monitored() -> None:
    home = Twin().joints
    servo, loop = connected(limits_around(home, 0.1, 2.0, 20.0), None)
    _, fast = connected(limits_around(home, 3.0, 0.1, 20.0), None)
    for one, reason in ((loop, "measured joint . at .* rad, outside"), (fast, "measured joint . with a speed of")):
        one.schedule([Waypoint(one._clock() + 1.5, np.array([HOME_M[0], 0.3, 0.1]), UPRIGHT, 0.0)])
        for _ in range(200):
            if one.fault is None and one.queue_depth():
                one.schedule([Waypoint(one._clock() + 1.0, np.array([HOME_M[0], 0.3, 0.1]), UPRIGHT, 0.0)])
            one.tick()
        with pytest.raises(ArmFaultError, match=reason):
            one.schedule([])
    assert np.abs(servo.read().joints - home).max() < 0.12
    loop.reset_fault()
    for _ in range(30):
        loop.schedule([Waypoint(loop._clock() + 0.5, np.array(HOME_M), UPRIGHT, 0.0)])
        loop.tick()
    assert loop.fault is None, "from outside its range a joint may come back"


def test_over_a_slow_link_commands_wait_for_the_arm() -> None:
    """At 0.25 m/s and 0.35 s from command to measured state it would be 9 cm behind."""
    servo = SimServo(latency_s=0.175, real_time=False)
    loop = ServoLoop(servo, LIMITS, watchdog_s=10.0, stale_s=1.0, clock=servo.clock)
    loop.begin()
    goal = np.array([HOME_M[0], 0.3, 0.1])
    loop.schedule([Waypoint(servo.clock() + 0.5, goal, UPRIGHT, 0.0)])
    lags = []
    for _ in range(600):
        loop.tick()
        assert loop.fault is None
        lags.append(float(np.linalg.norm(loop.read().position - loop.commanded().position)))
    assert loop.report.n_held > 5
    assert LIMITS.lag_m < max(lags) < 2 * LIMITS.lag_m
    assert np.allclose(loop.read().position, goal, atol=1e-3)


class NoKinematics:
    """Returns NaN as joints."""

    def joints(self, waypoint: Waypoint, near: np.ndarray) -> np.ndarray:  # noqa: ARG002
        return np.full(6, np.nan)


def test_joints_with_nan_are_refused() -> None:
    twin = Twin()
    command_filter = CommandFilter(LIMITS, 1 / RATE_HZ, limits_around(twin.joints, 1.0, 2.0, 20.0), NoKinematics())
    state = ArmState(0.0, twin.position, twin.quaternion, twin.joints, 0.0)
    with pytest.raises(ArmFaultError, match="does not fit the arm"):
        command_filter.take_up(state, 0.0)
    command_filter._kinematics = kinematics()
    command_filter.take_up(state, 0.0)
    command_filter._kinematics = NoKinematics()
    with pytest.raises(ArmFaultError, match="no command keeps the joints"):
        command_filter.next(0.1, None, None)
    with pytest.raises(ActionError, match="cannot reach"):
        kinematics().joints(Waypoint(0.0, np.full(3, np.nan), UPRIGHT, 0.0), twin.joints)


def test_the_kinematics_of_another_tool_is_noticed() -> None:
    model = kinematics()
    command_filter = CommandFilter(LIMITS, 1 / RATE_HZ, limits_around(np.zeros(6), 6.0, 2.0, 20.0), model)
    twin = Twin()
    measured = ArmState(0.0, twin.position + np.array([0.1, 0.0, 0.0]), twin.quaternion, twin.joints, 0.0)
    with pytest.raises(ArmFaultError, match="does not fit the arm"):
        command_filter.take_up(measured, 0.0)
    with pytest.raises(ConfigError, match="kinematics without joint_limits"):
        CommandFilter(LIMITS, 1 / RATE_HZ, None, model)


def test_inverse_kinematics_reaches_the_pose_or_says_that_it_cannot() -> None:
    model, rng = kinematics(), np.random.default_rng(0)
    start = Twin().joints
    for _ in range(20):
        joints = start + rng.uniform(-0.3, 0.3, 6)
        position, quaternion = model.pose(joints)
        found = model.joints(Waypoint(0.0, position, quaternion, 0.0), joints + rng.normal(0.0, 0.02, 6))
        np.testing.assert_allclose(found, joints, atol=1e-5)
    with pytest.raises(ActionError, match=r"cannot reach \[2\.0, 0\.0, 0\.3\] m"):
        model.joints(Waypoint(0.0, np.array([2.0, 0.0, 0.3]), UPRIGHT, 0.0), start)


def test_a_urdf_without_its_meshes_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    path.write_text(URDF)
    model = MujocoKinematics.from_file(path, "tool", offset_m=(0.1, 0.0, 0.0))
    assert model.n_joints == 1
    np.testing.assert_allclose(model.pose(np.array([np.pi / 2]))[0], (0.0, 0.5, 0.1), atol=1e-12)
    with pytest.raises(ConfigError, match="no site or link 'hand'"):
        MujocoKinematics.from_file(path, "hand")
    with pytest.raises(ConfigError, match="no hinge or slide"):
        MujocoKinematics.from_file(path, "base")
    with pytest.raises(ConfigError, match="cannot be read"):
        MujocoKinematics.from_file(tmp_path / "none.urdf", "tool")


def test_invalid_joint_limits_are_named() -> None:
    with pytest.raises(ConfigError, match="one per joint"):
        JointLimits((0.0, 0.0), (1.0,), (1.0,), (1.0,))
    with pytest.raises(ConfigError, match="each low below its high"):
        JointLimits((0.0,), (0.0,), (1.0,), (1.0,))
    with pytest.raises(ConfigError, match="1 joints, but the arm has 6"):
        JointLimits((0.0,), (1.0,), (1.0,), (1.0,)).around(np.zeros(6))
