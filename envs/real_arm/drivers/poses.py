"""Poses as most controllers of arms take them: a place and an axis times an angle, six numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpbench.arms.driver import Vector, Waypoint
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, quat_from_matrix, rotvec_from_matrix


def six_numbers(waypoint: Waypoint, metre: float = 1.0) -> list[float]:
    """X, y, z and axis times angle (rad) of a waypoint; `metre` is how many of the controller's units a metre has."""
    rotvec = rotvec_from_matrix(matrix_from_quat(waypoint.quaternion))
    return [*(waypoint.position * metre).tolist(), *rotvec.tolist()]


def place_and_quaternion(pose: Sequence[float], metre: float = 1.0) -> tuple[Vector, Vector]:
    """Place `(3,)` m and quaternion `(4,)` of six numbers."""
    numbers = np.asarray(pose[:6], dtype=np.float64)
    return numbers[:3] / metre, quat_from_matrix(matrix_from_rotvec(numbers[3:]))
