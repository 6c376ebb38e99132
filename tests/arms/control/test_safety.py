"""No sequence of commands leads out of the limits, and sensible commands are followed."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.arms.control.safety import Limits, Motion, step, within
from dpbench.arms.driver import Waypoint, check_waypoint
from dpbench.errors import ActionError, ConfigError
from dpbench.rotations import matrix_from_quat, rotvec_from_matrix

LIMITS = Limits(low=(0.25, -0.45, 0.05), high=(0.77, 0.40, 0.5))
DT_S = 1 / 125
HOME = Waypoint(0.0, np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]), 0.04)


def hostile(rng: np.random.Generator, kind: int, last: Waypoint) -> Waypoint | None:
    """Noise, far corners, jumps between faces, no desired pose, and poses just outside a face."""
    place = last.position
    if kind == 0:
        place = rng.uniform(LIMITS.low, LIMITS.high)
    elif kind == 1:
        place = rng.choice([-1e6, 1e6, 0.0], 3)
    elif kind == 2:
        place = np.where(rng.random(3) < 0.5, LIMITS.low, LIMITS.high)
    elif kind == 3:
        return None
    elif kind == 4:
        place = last.position + rng.normal(0.0, 0.02, 3)
    quaternion = rng.standard_normal(4)
    return check_waypoint(Waypoint(0.0, place, quaternion, float(rng.uniform(-1, 1))))


@pytest.mark.parametrize("seed", range(4))
def test_no_command_leaves_the_limits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    motion, wanted = Motion.at_rest(HOME), None
    low, high = np.array(LIMITS.low), np.array(LIMITS.high)
    for number in range(10_000):
        if number % int(rng.integers(1, 60)) == 0:
            wanted = hostile(rng, int(rng.integers(6)), motion.waypoint)
        following = step(motion, wanted, DT_S, LIMITS)
        moved = following.waypoint.position - motion.waypoint.position
        assert (following.waypoint.position >= low).all()
        assert (following.waypoint.position <= high).all()
        assert np.linalg.norm(moved) <= LIMITS.speed_m_s * DT_S * (1 + 1e-9)
        assert np.linalg.norm(following.velocity - motion.velocity) <= LIMITS.acceleration_m_s2 * DT_S * (1 + 1e-9)
        np.testing.assert_allclose(moved, following.velocity * DT_S, atol=1e-12)
        turned = matrix_from_quat(following.waypoint.quaternion) @ matrix_from_quat(motion.waypoint.quaternion).T
        assert np.linalg.norm(rotvec_from_matrix(turned)) <= LIMITS.turn_rad_s * DT_S * (1 + 1e-6)
        assert np.linalg.norm(following.turn - motion.turn) <= LIMITS.turn_rad_s2 * DT_S * (1 + 1e-9)
        assert 0.0 <= following.waypoint.gripper_m <= LIMITS.gripper_m
        motion = following


def test_a_goal_is_reached_and_held() -> None:
    goal = Waypoint(0.0, np.array([0.7, 0.3, 0.1]), np.array([0.0, 1.0, 0.0, 0.0]), 0.0)
    motion = Motion.at_rest(HOME)
    for _ in range(1500):
        motion = step(motion, goal, DT_S, LIMITS)
    np.testing.assert_allclose(motion.waypoint.position, goal.position, atol=1e-6)
    assert abs(motion.waypoint.quaternion @ goal.quaternion) > 1 - 1e-9
    assert np.linalg.norm(motion.velocity) < 1e-6
    assert motion.waypoint.gripper_m == 0.0


def test_without_a_desired_pose_it_brakes_as_fast_as_the_limits_allow() -> None:
    motion = Motion.at_rest(HOME)
    far = Waypoint(0.0, np.array([0.77, 0.4, 0.5]), HOME.quaternion, 0.04)
    for _ in range(60):
        motion = step(motion, far, DT_S, LIMITS)
    speed = float(np.linalg.norm(motion.velocity))
    n_steps = 0
    while np.linalg.norm(motion.velocity) > 1e-9:
        motion = step(motion, None, DT_S, LIMITS)
        n_steps += 1
    assert n_steps * DT_S <= speed / (LIMITS.acceleration_m_s2 / 2) + 2 * DT_S


def test_a_waypoint_outside_is_moved_to_the_nearest_face() -> None:
    outside = Waypoint(0.0, np.array([1.0, 0.0, 0.0]), HOME.quaternion, 0.2)
    assert within(outside, LIMITS).position.tolist() == [0.77, 0.0, 0.05]
    assert within(outside, LIMITS).gripper_m == 0.08


@pytest.mark.parametrize(
    ("position", "quaternion"),
    [((np.nan, 0, 0), (1, 0, 0, 0)), ((0, 0), (1, 0, 0, 0)), ((0, 0, 0), (0, 0, 0, 0)), ((0, np.inf, 0), (1, 0, 0, 0))],
)
def test_invalid_waypoints_are_rejected(position: tuple[float, ...], quaternion: tuple[float, ...]) -> None:
    with pytest.raises(ActionError, match="waypoint"):
        check_waypoint(Waypoint(0.0, np.array(position, dtype=float), np.array(quaternion, dtype=float), 0.0))


def test_invalid_limits_are_named() -> None:
    with pytest.raises(ConfigError, match="every lower bound below the upper"):
        Limits(low=(0.0, 0.0, 0.0), high=(1.0, 0.0, 1.0))
    with pytest.raises(ConfigError, match="above 0"):
        Limits(low=(0.0, 0.0, 0.0), high=(1.0, 1.0, 1.0), speed_m_s=0.0)
