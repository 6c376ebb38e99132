"""Rotations as the field writes them, for arms in simulation and on the table (numpy, any leading dimensions).

Quaternions are x, y, z, w, as robosuite and robomimic have them. The 6-D form is the first two rows of the matrix
(Zhou et al. 2019; rows, not columns, as PyTorch3D and Diffusion Policy have it).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SMALL = 1e-9


def matrix_from_rotvec(rotvec: NDArray[np.floating[Any]]) -> Array:
    """Axis times angle (rad) `(..., 3)` to matrices `(..., 3, 3)` (Rodrigues)."""
    vector = np.asarray(rotvec, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    cross = np.zeros((*vector.shape[:-1], 3, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -vector[..., 2], vector[..., 1], -vector[..., 0]
    cross -= np.swapaxes(cross, -1, -2)
    # sin(a) / a and (1 - cos(a)) / a^2, both smooth at 0.
    first, second = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    matrix: Array = np.eye(3) + first * cross + second * (cross @ cross)
    return matrix


def rotvec_from_matrix(matrix: NDArray[np.floating[Any]]) -> Array:
    """Matrices `(..., 3, 3)` to axis times angle `(..., 3)`, angle in [0, pi]."""
    quaternion = quat_from_matrix(matrix)
    axis, w = quaternion[..., :3], quaternion[..., 3:]
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, w)
    rotvec: Array = axis * np.where(length > _SMALL, angle / np.maximum(length, _SMALL), 2.0)
    return rotvec


def matrix_from_quat(quaternion: NDArray[np.floating[Any]]) -> Array:
    """Unit quaternions `(..., 4)` x, y, z, w to matrices `(..., 3, 3)`."""
    x, y, z, w = np.moveaxis(np.asarray(quaternion, dtype=np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quat_from_matrix(matrix: NDArray[np.floating[Any]]) -> Array:
    """Matrices `(..., 3, 3)` to unit quaternions `(..., 4)` x, y, z, w with w >= 0."""
    m = np.asarray(matrix, dtype=np.float64)
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # Four times the products of each component with all; the row of the largest component is the well-conditioned one.
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    products = np.stack(
        [
            np.stack([1 + m00 - m11 - m22, d, e, a], axis=-1),
            np.stack([d, 1 - m00 + m11 - m22, f, b], axis=-1),
            np.stack([e, f, 1 - m00 - m11 + m22, c], axis=-1),
            np.stack([a, b, c, 1 + m00 + m11 + m22], axis=-1),
        ],
        axis=-2,
    )
    largest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :]
    row = row / np.linalg.norm(row, axis=-1, keepdims=True)
    quaternion: Array = np.where(row[..., 3:] < 0, -row, row)
    return quaternion


def sixd_from_matrix(matrix: NDArray[np.floating[Any]]) -> Array:
    """Matrices `(..., 3, 3)` to their first two rows `(..., 6)`."""
    m = np.asarray(matrix, dtype=np.float64)
    return m[..., :2, :].reshape(*m.shape[:-2], 6).copy()


def matrix_from_sixd(sixd: NDArray[np.floating[Any]]) -> Array:
    """Any two rows `(..., 6)` to the rotation `(..., 3, 3)` that Gram and Schmidt make of them.

    Raises:
        ValueError: when a row is zero, or both are parallel.
    """
    rows = np.asarray(sixd, dtype=np.float64)
    first, second = rows[..., :3], rows[..., 3:]
    x = _unit(first)
    y = _unit(second - (x * second).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-2)


def _unit(vector: Array) -> Array:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    if (length < _SMALL).any():
        raise ValueError("two rows of a rotation are zero or parallel")
    unit: Array = vector / length
    return unit
