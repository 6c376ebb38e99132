"""Arithmetic on unit quaternions x, y, z, w for a loop at a servo's rate (numpy, any leading dimensions).

A control tick by way of matrices takes several times as long.
"""

from __future__ import annotations

import numpy as np

from dpbench.arms.driver import Vector

_SMALL = 1e-9
_CONJUGATE = np.array([-1.0, -1.0, -1.0, 1.0])
_PRODUCT = np.array(  # the matrix that multiplies by x, by y, by z and by w from the left, one a row
    [
        [[0, 0, 0, 1], [0, 0, -1, 0], [0, 1, 0, 0], [-1, 0, 0, 0]],
        [[0, 0, 1, 0], [0, 0, 0, 1], [-1, 0, 0, 0], [0, -1, 0, 0]],
        [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0]],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    ],
    dtype=np.float64,
).reshape(4, 16)


def length(vector: Vector) -> Vector:
    """Euclidean length of the last dimension: `(..., n)` to `(..., 1)`."""
    return np.asarray(np.sqrt((vector * vector).sum(axis=-1, keepdims=True)))


def product(second: Vector, first: Vector) -> Vector:
    """First one turn, then the other: two `(..., 4)` to `(..., 4)`."""
    matrix = (second @ _PRODUCT).reshape(*second.shape[:-1], 4, 4)
    return np.asarray((matrix @ first[..., None])[..., 0])


def rotvec_between(first: Vector, second: Vector) -> Vector:
    """Axis times angle `(..., 3)`, angle in [0, pi], that turns one orientation `(..., 4)` into another."""
    turn = product(second, first * _CONJUGATE)
    turn = np.where(turn[..., 3:] < 0, -turn, turn)
    axis, w = turn[..., :3], turn[..., 3:]
    sine = length(axis)
    angle = 2 * np.arctan2(sine, w)
    return np.asarray(axis * np.where(sine > _SMALL, angle / np.maximum(sine, _SMALL), 2.0))


def turned(quaternion: Vector, rotvec: Vector) -> Vector:
    """The orientation `(..., 4)`, w >= 0, after a turn `(..., 3)` about axes of the base frame."""
    half = 0.5 * length(rotvec)
    turn = np.concatenate([0.5 * np.sinc(half / np.pi) * rotvec, np.cos(half)], axis=-1)
    result = product(turn, quaternion)
    result = result / length(result)
    return np.where(result[..., 3:] < 0, -result, result)


def slerp(first: Vector, second: Vector, share: float) -> Vector:
    """The orientation `(4,)` a share of the way between two, the shorter way round (Shoemake 1985)."""
    cosine = float(first @ second)
    if cosine < 0.0:
        second, cosine = -second, -cosine
    if cosine > 1.0 - 1e-9:  # nearly the same: a straight line is exact enough and does not divide by zero
        mixed: Vector = first + share * (second - first)
    else:
        angle = np.arccos(cosine)
        mixed = (np.sin((1.0 - share) * angle) * first + np.sin(share * angle) * second) / np.sin(angle)
    result: Vector = mixed / np.linalg.norm(mixed)
    return result
