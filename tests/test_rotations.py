"""Rotations: every form converts back, equals scipy where it is installed, and quaternions turn as matrices do."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.rotations import (
    matrix_from_quat,
    matrix_from_rotvec,
    matrix_from_sixd,
    quat_from_matrix,
    rotate_quat,
    rotvec_between,
    rotvec_from_matrix,
    sixd_from_matrix,
    slerp,
)

SPECIAL = np.array([[0.0, 0, 0], [np.pi, 0, 0], [0, np.pi - 1e-9, 0], [0, 0, 1e-12], [1e-7, 0, 0]])


def rotvecs() -> np.ndarray:
    rng = np.random.default_rng(0)
    axis = rng.standard_normal((200, 3))
    return np.concatenate(
        [SPECIAL, axis / np.linalg.norm(axis, axis=1, keepdims=True) * rng.uniform(0, np.pi, (200, 1))]
    )


def test_every_form_comes_back() -> None:
    matrices = matrix_from_rotvec(rotvecs())
    np.testing.assert_allclose(
        matrices @ np.swapaxes(matrices, 1, 2), np.broadcast_to(np.eye(3), matrices.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0)
    np.testing.assert_allclose(matrix_from_quat(quat_from_matrix(matrices)), matrices, atol=1e-12)
    np.testing.assert_allclose(matrix_from_sixd(sixd_from_matrix(matrices)), matrices, atol=1e-12)
    np.testing.assert_allclose(matrix_from_rotvec(rotvec_from_matrix(matrices)), matrices, atol=1e-8)
    assert (quat_from_matrix(matrices)[:, 3] >= 0).all()


def test_the_forms_are_scipys() -> None:
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    expected = rotation.from_rotvec(rotvecs())
    np.testing.assert_allclose(matrix_from_rotvec(rotvecs()), expected.as_matrix(), atol=1e-12)
    quaternions = expected.as_quat() * np.sign(expected.as_quat()[:, 3:] + 1e-300)
    ours = quat_from_matrix(expected.as_matrix())
    np.testing.assert_allclose(np.abs((ours * quaternions).sum(axis=1)), 1.0)


def test_six_numbers_need_not_be_a_rotation() -> None:
    skewed = np.array([2.0, 0, 0, 5.0, 3.0, 0])
    np.testing.assert_allclose(matrix_from_sixd(skewed), np.eye(3), atol=1e-12)
    with pytest.raises(ValueError, match="zero or parallel"):
        matrix_from_sixd(np.zeros(6))


def test_quaternions_turn_as_matrices_do() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((50, 4)) for _ in range(2))
    first, second = (one / np.linalg.norm(one, axis=-1, keepdims=True) for one in (first, second))
    rotvec = rng.normal(0.0, 1.0, (50, 3))
    between = rotvec_from_matrix(matrix_from_quat(second) @ np.swapaxes(matrix_from_quat(first), -1, -2))
    np.testing.assert_allclose(rotvec_between(first, second), between, atol=1e-9)
    after = quat_from_matrix(matrix_from_rotvec(rotvec) @ matrix_from_quat(first))
    np.testing.assert_allclose(rotate_quat(first, rotvec), after, atol=1e-12)
    np.testing.assert_allclose(rotate_quat(first[0], rotvec[0]), after[0], atol=1e-12)
    half = slerp(first[0], second[0], 0.5)
    np.testing.assert_allclose(rotvec_between(first[0], half), 0.5 * between[0], atol=1e-9)
