"""Normalisers map the range of the data to [-1, 1] and back."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.data.normalise import Normaliser, normalise_pixels
from dpbench.errors import DataError


def test_limits_become_plus_and_minus_one_and_come_back() -> None:
    values = np.random.default_rng(0).uniform([0, -5], [512, 3], size=(1000, 2)).astype(np.float32)
    normaliser = Normaliser.from_limits(values, "action")
    normal = normaliser.normalise(values)
    np.testing.assert_allclose(normal.min(axis=0), -1, atol=1e-5)
    np.testing.assert_allclose(normal.max(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(normaliser.denormalise(normal), values, atol=1e-4)


def test_a_constant_dimension_is_only_centred() -> None:
    normaliser = Normaliser.from_limits(np.full((10, 1), 7.0, dtype=np.float32), "object")
    assert normaliser.normalise(np.array([[7.0]])) == 0
    assert normaliser.normalise(np.array([[8.0]])) == 1


@pytest.mark.parametrize("values", [np.zeros((0, 2)), np.array([[np.nan, 0.0]]), np.array([[np.inf, 0.0]])])
def test_values_without_a_range_are_named(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="action"):
        Normaliser.from_limits(values, "action")


@pytest.mark.parametrize(
    ("scale", "offset"),
    [([1.0], [0.0, 0.0]), ([[1.0]], [[0.0]]), ([np.nan], [0.0]), ([1.0], [np.inf]), ([0.0], [0.0])],
)
def test_numbers_that_are_no_normaliser_are_refused(scale: list[float], offset: list[float]) -> None:
    with pytest.raises(DataError, match=r"^normaliser: .*train again\.$"):
        Normaliser(np.array(scale, np.float32), np.array(offset, np.float32))


def test_a_normaliser_of_one_value_does_not_fit_all_vectors() -> None:
    one = Normaliser(np.ones(1, np.float32), np.zeros(1, np.float32))
    for function in (one.normalise, one.denormalise):
        with pytest.raises(DataError, match="normaliser of 1 values, got values of shape"):
            function(np.zeros((4, 2)))


def test_pixels_are_channel_first_in_minus_one_to_one() -> None:
    pixels = np.array([[[[0, 255, 51]]]], dtype=np.uint8)  # (1, 1, 1, 3)
    np.testing.assert_allclose(normalise_pixels(pixels).ravel(), [-1, 1, -0.6], atol=1e-6)
    assert normalise_pixels(np.zeros((2, 4, 5, 3), dtype=np.uint8)).shape == (2, 3, 4, 5)
