"""Poses as most arm controllers take them, six numbers: position and rotation vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpbench.arms.driver import Vector, Waypoint
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, quat_from_matrix, rotvec_from_matrix


def six_numbers(waypoint: Waypoint, metre: float = 1.0) -> list[float]:
    """Position and rotation vector (rad) of a waypoint; `metre` is the length of a metre in the controller's unit."""
    rotvec = rotvec_from_matrix(matrix_from_quat(waypoint.quaternion))
    return [*(waypoint.position * metre).tolist(), *rotvec.tolist()]


def place_and_quaternion(pose: Sequence[float], metre: float = 1.0) -> tuple[Vector, Vector]:
    """Position `(3,)` m and quaternion `(4,)` from six numbers."""
    numbers = np.asarray(pose[:6], dtype=np.float64)
    return numbers[:3] / metre, quat_from_matrix(matrix_from_rotvec(numbers[3:]))
