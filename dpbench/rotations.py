"""Rotations: conversions between matrices, rotation vectors, quaternions and the 6-D form, and quaternion arithmetic.

Numpy, any leading dimensions. Quaternions are x, y, z, w, as in robosuite and robomimic. A rotation vector is the axis
times the angle in rad. The 6-D form (Zhou et al. 2019) is the first two rows of the matrix, as in PyTorch3D and
Diffusion Policy; the paper itself takes columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SMALL = 1e-9
_CONJUGATE = np.array([-1.0, -1.0, -1.0, 1.0])
_PRODUCT = np.array(  # one row for each of x, y, z, w: the matrix that multiplies by it from the left
    [
        [[0, 0, 0, 1], [0, 0, -1, 0], [0, 1, 0, 0], [-1, 0, 0, 0]],
        [[0, 0, 1, 0], [0, 0, 0, 1], [-1, 0, 0, 0], [0, -1, 0, 0]],
        [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0]],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    ],
    dtype=np.float64,
).reshape(4, 16)


def matrix_from_rotvec(rotvec: NDArray[np.floating[Any]]) -> Array:
    """Rotation vectors `(..., 3)` to matrices `(..., 3, 3)` (Rodrigues' formula)."""
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
    """Matrices `(..., 3, 3)` to rotation vectors `(..., 3)`, angle in [0, pi]."""
    return rotvec_from_quat(quat_from_matrix(matrix))


def rotvec_from_quat(quaternion: NDArray[np.floating[Any]]) -> Array:
    """Unit quaternions `(..., 4)` with w >= 0 to rotation vectors `(..., 3)`, angle in [0, pi]."""
    axis, w = quaternion[..., :3], quaternion[..., 3:]
    sine = vector_length(axis)  # of half the angle
    angle = 2 * np.arctan2(sine, w)
    rotvec: Array = axis * np.where(sine > _SMALL, angle / np.maximum(sine, _SMALL), 2.0)
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
    """Any two rows `(..., 6)` to rotation matrices `(..., 3, 3)`, by Gram-Schmidt orthogonalisation.

    Raises:
        ValueError: if a row is zero or the two are parallel.
    """
    rows = np.asarray(sixd, dtype=np.float64)
    first, second = rows[..., :3], rows[..., 3:]
    x = _unit(first)
    y = _unit(second - (x * second).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-2)


def vector_length(vector: NDArray[np.floating[Any]]) -> Array:
    """Euclidean length along the last dimension: `(..., n)` to `(..., 1)`."""
    return np.asarray(np.sqrt((vector * vector).sum(axis=-1, keepdims=True)), dtype=np.float64)


# A control loop at 500 Hz works on quaternions directly: the detour over matrices takes several times as long.


def quat_product(second: Array, first: Array) -> Array:
    """The rotation `first` followed by `second`: two `(..., 4)` to `(..., 4)`."""
    matrix = (second @ _PRODUCT).reshape(*second.shape[:-1], 4, 4)
    return np.asarray((matrix @ first[..., None])[..., 0])


def rotvec_between(first: Array, second: Array) -> Array:
    """Rotation vector `(..., 3)`, angle in [0, pi], that turns orientation `first` `(..., 4)` into `second`."""
    turn = quat_product(second, first * _CONJUGATE)
    return rotvec_from_quat(np.where(turn[..., 3:] < 0, -turn, turn))


def rotate_quat(quaternion: Array, rotvec: Array) -> Array:
    """The orientation `(..., 4)`, w >= 0, after a rotation `(..., 3)` about axes of the base frame."""
    half = 0.5 * vector_length(rotvec)
    turn = np.concatenate([0.5 * np.sinc(half / np.pi) * rotvec, np.cos(half)], axis=-1)
    result = quat_product(turn, quaternion)
    result = result / vector_length(result)
    return np.where(result[..., 3:] < 0, -result, result)


def slerp(first: Array, second: Array, fraction: float) -> Array:
    """The orientation `(4,)` a fraction of the way from `first` to `second`, the shorter way round (Shoemake 1985)."""
    cosine = float(first @ second)
    if cosine < 0.0:
        second, cosine = -second, -cosine
    if cosine > 1.0 - 1e-9:  # nearly equal: linear interpolation is accurate enough and does not divide by zero
        mixed: Array = first + fraction * (second - first)
    else:
        angle = np.arccos(cosine)
        mixed = (np.sin((1.0 - fraction) * angle) * first + np.sin(fraction * angle) * second) / np.sin(angle)
    result: Array = mixed / np.linalg.norm(mixed)
    return result


def _unit(vector: Array) -> Array:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    if (length < _SMALL).any():
        raise ValueError("the two rows of a rotation are zero or parallel")
    unit: Array = vector / length
    return unit
