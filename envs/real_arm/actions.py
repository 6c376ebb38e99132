"""Between actions of a policy and goals of the tool: poses as they are, velocities summed up from a goal."""

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
        actions: `(n, Da)`. Position: a pose each; rows of a rotation that are none keep the orientation before them.
            Velocity: summed up, each over one control period; what is faster than the bounds is slowed to them along
            its direction, so that goals do not run away from the arm.
        times: `(n,)` s, when each goal is due.
        base: the goal before the first action.

    Raises:
        ActionError: for a wrong shape, NaN or infinite numbers.
    """
    rows = spec.check(actions, (len(times),))
    goals: list[Waypoint] = []
    for row, time_s in zip(rows, times, strict=True):
        base = _moved(spec, row, time_s, base) if spec.kind == "velocity" else _pose(row, time_s, base)
        goals.append(base)
    return goals


def action(spec: ActionSpec, before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
    """The action `(Da,)` that leads from one goal to the next over one control period: the inverse of `waypoints`.

    A velocity beyond the bounds is slowed to them.
    """
    turned = matrix_from_quat(goal.quaternion)
    if spec.kind == "velocity":
        velocity = (goal.position - before.position) * RATE_HZ
        turn = rotvec_from_matrix(turned @ matrix_from_quat(before.quaternion).T) * RATE_HZ
        numbers: list[Vector] = [
            _slowed(velocity, spec.high[0]),
            _slowed(turn, spec.high[3]),
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


def _moved(spec: ActionSpec, row: Vector, time_s: float, before: Waypoint) -> Waypoint:
    way = _slowed(row[:3], spec.high[0]) / RATE_HZ
    turn = matrix_from_rotvec(_slowed(row[3:6], spec.high[3]) / RATE_HZ)
    quaternion = quat_from_matrix(turn @ matrix_from_quat(before.quaternion))
    return Waypoint(time_s, before.position + way, quaternion, float(row[6]))


def _slowed(vector: Vector, fastest: float) -> Vector:
    return vector * min(1.0, fastest / max(float(np.linalg.norm(vector)), 1e-9))
