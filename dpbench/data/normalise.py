"""Normalisation: every dimension of a vector is mapped to [-1, 1] by its range in the training data.

Source: LinearNormalizer of diffusion_policy (mode "limits", range_eps 1e-4; a nearly constant value is only
shifted). Why limits and not unit variance: samplers clamp x_0 to [-1, 1] (Chi et al. 2023, App. A.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError

RANGE_EPS = 1e-4


@dataclass(frozen=True)
class Normaliser:
    """An affine map of the last axis: normalised = value * scale + offset.

    Attributes:
        scale: `(D,)` float32, above zero.
        offset: `(D,)` float32.

    Raises:
        DataError: for other shapes, NaN or infinite numbers, or a scale that is not above zero.
    """

    scale: NDArray[np.float32]
    offset: NDArray[np.float32]

    def __post_init__(self) -> None:
        shapes = self.scale.shape, self.offset.shape
        if shapes[0] != shapes[1] or len(shapes[0]) != 1:
            raise DataError(f"normaliser: scale and offset have shapes {shapes}, expected one (D,); train again.")
        if not (np.isfinite(self.scale).all() and np.isfinite(self.offset).all() and np.all(self.scale > 0)):
            raise DataError("normaliser: expected finite numbers and a scale above zero; train again.")

    @classmethod
    def from_limits(cls, values: NDArray[Any], name: str, unscaled: Sequence[int] = ()) -> Normaliser:
        """Map the range of `values`, `(N, D)`, to [-1, 1]; a dimension narrower than 1e-4 is only centred.

        Dimensions whose numbers are in `unscaled` stay as they are.

        Raises:
            DataError: when `values` is empty, or has NaN or infinite numbers.
        """
        if len(values) == 0 or not np.isfinite(values).all():
            raise DataError(f"{name}: cannot be normalised, it is empty or has NaN or infinite values.")
        low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
        narrow = high - low < RANGE_EPS
        scale = np.where(narrow, 1.0, 2.0 / np.where(narrow, 1.0, high - low))
        offset = -(high + low) / 2 * scale
        scale[list(unscaled)], offset[list(unscaled)] = 1.0, 0.0
        return cls(scale.astype(np.float32), offset.astype(np.float32))

    def normalise(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Physical units to [-1, 1], `(..., D)`.

        Raises:
            DataError: for values of another length.
        """
        self._check(values)
        return (values * self.scale + self.offset).astype(np.float32)

    def denormalise(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """[-1, 1] to physical units, `(..., D)`.

        Raises:
            DataError: for values of another length.
        """
        self._check(values)
        return ((values - self.offset) / self.scale).astype(np.float32)

    def _check(self, values: NDArray[Any]) -> None:
        """A normaliser of length 1 would fit any values."""
        if np.shape(values)[-1:] != self.scale.shape:
            raise DataError(
                f"normaliser of {len(self.scale)} values, got values of shape {np.shape(values)}: it was made for "
                "other data; train again."
            )


def normalise_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(..., H, W, 3)` uint8 to `(..., 3, H, W)` float32 in [-1, 1]; the range of the data does not matter."""
    return np.moveaxis(pixels, -1, -3).astype(np.float32) * np.float32(2 / 255) - np.float32(1)
