"""Actions and goals of the tool: one is the inverse of the other, for poses and for velocities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dpbench.arms.driver import Waypoint
from dpbench.envs.real_arm.actions import action, waypoints
from dpbench.envs.real_arm.task import ACTION, LIMITS, RATE_HZ, VELOCITY_ACTION
from dpbench.errors import ActionError
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, quat_from_matrix, rotvec_from_matrix
from dpbench.spec import ActionSpec

BASE = Waypoint(0.0, np.array([0.5, 0.0, 0.1]), np.array([1.0, 0.0, 0.0, 0.0]), 0.0)
BOTH = pytest.mark.parametrize("spec", [ACTION, VELOCITY_ACTION], ids=lambda spec: spec.kind)


def walk(n: int, seed: int = 0) -> list[Waypoint]:
    """Goals within the bounds of a velocity action, `BASE` first."""
    rng, goals = np.random.default_rng(seed), [BASE]
    for number in range(n):
        last = goals[-1]
        turn = matrix_from_rotvec(rng.uniform(-1, 1, 3) * LIMITS.turn_rad_s / RATE_HZ / 2)
        place = last.position + rng.uniform(-1, 1, 3) * LIMITS.speed_m_s / RATE_HZ / 2
        quaternion = quat_from_matrix(turn @ matrix_from_quat(last.quaternion))
        goals.append(Waypoint((number + 1) / RATE_HZ, place, quaternion, float(rng.uniform(0, 0.1))))
    return goals


def turned(first: Waypoint, second: Waypoint) -> float:
    """Angle between two orientations, rad."""
    return float(
        np.linalg.norm(rotvec_from_matrix(matrix_from_quat(first.quaternion) @ matrix_from_quat(second.quaternion).T))
    )


@BOTH
def test_actions_between_goals_lead_to_the_same_goals(spec: ActionSpec) -> None:
    goals = walk(20)
    actions = np.stack([action(spec, before, goal) for before, goal in itertools.pairwise(goals)])
    assert actions.dtype == np.float32
    found = waypoints(spec, actions, [goal.time_s for goal in goals[1:]], BASE)
    for goal, same in zip(goals[1:], found, strict=True):
        assert same.time_s == goal.time_s
        np.testing.assert_allclose(same.position, goal.position, atol=1e-6)
        assert turned(goal, same) < 1e-5
        assert same.gripper_m == pytest.approx(goal.gripper_m, abs=1e-6)


def test_a_velocity_is_one_period_long_and_in_the_base_frame() -> None:
    row = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.3, 0.05])
    first, second = waypoints(VELOCITY_ACTION, np.stack([row, row]), (0.1, 0.2), BASE)
    np.testing.assert_allclose(second.position - BASE.position, [0.02, 0.0, 0.0], atol=1e-12)
    turn = rotvec_from_matrix(matrix_from_quat(second.quaternion) @ matrix_from_quat(BASE.quaternion).T)
    np.testing.assert_allclose(turn, [0.0, 0.0, 0.06], atol=1e-9)
    assert (first.gripper_m, second.gripper_m) == (0.05, 0.05)


def test_a_velocity_that_is_too_high_is_scaled_down() -> None:
    (goal,) = waypoints(VELOCITY_ACTION, np.array([[3.0, 4.0, 0.0, 0.0, 9.0, 0.0, 0.0]]), (0.1,), BASE)
    way = goal.position - BASE.position
    np.testing.assert_allclose(way, np.array([0.6, 0.8, 0.0]) * LIMITS.speed_m_s / RATE_HZ, atol=1e-9)
    assert turned(BASE, goal) == pytest.approx(LIMITS.turn_rad_s / RATE_HZ)
    far = Waypoint(0.1, BASE.position + 1.0, np.array([0.0, 1.0, 0.0, 0.0]), 0.0)
    numbers = action(VELOCITY_ACTION, BASE, far)
    assert (np.abs(numbers) <= np.array(VELOCITY_ACTION.high, dtype=np.float32) + 1e-6).all()


def test_rows_that_are_not_a_rotation_keep_the_previous_orientation() -> None:
    turn = matrix_from_rotvec(np.array([0.0, 0.0, 0.5])) @ matrix_from_quat(BASE.quaternion)
    good = np.concatenate([[0.5, 0.1, 0.1], turn[:2].ravel(), [0.0]])
    none = np.array([0.5, 0.2, 0.1, *[0.0] * 6, 0.0])
    first, second, third = waypoints(ACTION, np.stack([none, good, none]), (0.1, 0.2, 0.3), BASE)
    assert turned(first, BASE) < 1e-9
    assert turned(third, second) < 1e-9
    assert turned(second, BASE) == pytest.approx(0.5)


@BOTH
def test_bad_actions_are_named(spec: ActionSpec) -> None:
    with pytest.raises(ActionError, match="NaN"):
        waypoints(spec, np.full((1, spec.dim), np.nan), (0.1,), BASE)
    with pytest.raises(ActionError, match="shape"):
        waypoints(spec, np.zeros((2, spec.dim)), (0.1,), BASE)
