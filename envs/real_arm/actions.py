"""Conversion between actions of a policy and goals of the tool: poses, or velocities integrated from a goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Vector, Waypoint
from dpbench.rotations import (
    matrix_from_quat,
    matrix_from_rotvec,
    matrix_from_sixd,
    quat_from_matrix,
    rotvec_from_matrix,
    sixd_from_matrix,
)
from dpbench.spec import ActionSpec

from .task import RATE_HZ


def waypoints(
    spec: ActionSpec, actions: NDArray[np.floating[Any]], times: Sequence[float], base: Waypoint
) -> list[Waypoint]:
    """Goals of the tool.

    Args:
        spec: of the task; its kind says what the actions are.
        actions: `(n, Da)`. Position: one pose each; six numbers that are not a rotation keep the previous orientation.
            Velocity: integrated, each over one control period. A velocity beyond the bounds is scaled down to them, so
            that goals do not run away from the arm.
        times: `(n,)` s, when each goal is due.
        base: the goal before the first action.

    Raises:
        ActionError: for a wrong shape, NaN or infinite numbers.
    """
    rows = spec.check(actions, (len(times),))
    goals: list[Waypoint] = []
    for row, time_s in zip(rows, times, strict=True):
        base = _integrated(spec, row, time_s, base) if spec.kind == "velocity" else _pose(row, time_s, base)
        goals.append(base)
    return goals


def action(spec: ActionSpec, before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
    """The action `(Da,)` that leads from one goal to the next over one control period: the inverse of `waypoints`.

    A velocity beyond the bounds is scaled down to them.
    """
    turned = matrix_from_quat(goal.quaternion)
    if spec.kind == "velocity":
        velocity = (goal.position - before.position) * RATE_HZ
        turn = rotvec_from_matrix(turned @ matrix_from_quat(before.quaternion).T) * RATE_HZ
        numbers: list[Vector] = [
            _scaled_down(velocity, spec.high[0]),
            _scaled_down(turn, spec.high[3]),
            np.array([goal.gripper_m]),
        ]
    else:
        numbers = [goal.position, sixd_from_matrix(turned), np.array([goal.gripper_m])]
    return np.concatenate(numbers).astype(np.float32)


def _pose(row: Vector, time_s: float, before: Waypoint) -> Waypoint:
    try:
        quaternion = quat_from_matrix(matrix_from_sixd(row[3:9]))
    except ValueError:
        quaternion = before.quaternion
    return Waypoint(time_s, row[:3], quaternion, float(row[9]))


def _integrated(spec: ActionSpec, row: Vector, time_s: float, before: Waypoint) -> Waypoint:
    motion = _scaled_down(row[:3], spec.high[0]) / RATE_HZ
    turn = matrix_from_rotvec(_scaled_down(row[3:6], spec.high[3]) / RATE_HZ)
    quaternion = quat_from_matrix(turn @ matrix_from_quat(before.quaternion))
    return Waypoint(time_s, before.position + motion, quaternion, float(row[6]))


def _scaled_down(vector: Vector, maximum: float) -> Vector:
    return vector * min(1.0, maximum / max(float(np.linalg.norm(vector)), 1e-9))
