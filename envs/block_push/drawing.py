"""Images of the table from above, drawn without OpenGL: x points up and y left, as seen from behind the robot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .scene import BLOCK_HALF_M, ROD_RADIUS_M, X_RANGE_M, Y_RANGE_M
from .task import TOLERANCE_M

TABLE, EFFECTOR = (255, 255, 255), (65, 105, 225)
BLOCKS, TARGETS = ((200, 60, 60), (60, 150, 60)), ((170, 225, 170), (240, 180, 180))
FRACTION_BITS = 4
"""Of OpenCV's fixed-point coordinates: sixteenths of a pixel."""
WIDTH_M = Y_RANGE_M[1] - Y_RANGE_M[0]

Pose = Sequence[float]


def draw(
    effector_m: Sequence[float], blocks: Sequence[Pose], targets: Sequence[Pose], size_px: int
) -> NDArray[np.uint8]:
    """The scene, `(size, size, 3)` RGB.

    Args:
        effector_m: x, y.
        blocks: x, y (m), yaw (rad) of each.
        targets: the same.
        size_px: side length of the image.
    """
    frame = np.full((size_px, size_px, 3), TABLE, dtype=np.uint8)
    for target, colour in zip(targets, TARGETS, strict=True):
        _square(frame, target, TOLERANCE_M, colour)
    for block, colour in zip(blocks, BLOCKS, strict=True):
        _square(frame, block, BLOCK_HALF_M, colour)
    one = 1 << FRACTION_BITS
    column, row = to_pixels(np.array(effector_m), size_px)
    radius = max(2 * ROD_RADIUS_M, 0.01) * size_px / WIDTH_M
    cv2.circle(
        frame, (round(column * one), round(row * one)), round(radius * one), EFFECTOR, -1, cv2.LINE_AA, FRACTION_BITS
    )
    return frame


def to_pixels(places_m: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
    """Positions `(..., 2)` in m as columns and rows in px."""
    scale = size_px / WIDTH_M
    column = (Y_RANGE_M[1] - places_m[..., 1]) * scale
    row = size_px / 2 - (places_m[..., 0] - sum(X_RANGE_M) / 2) * scale
    return np.stack([column, row], axis=-1)


def _square(frame: NDArray[np.uint8], pose: Pose, half_m: float, colour: tuple[int, int, int]) -> None:
    x, y, yaw = pose
    cos, sin = half_m * math.cos(yaw), half_m * math.sin(yaw)
    corners = np.array(
        [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    )
    points = np.round(to_pixels(corners, len(frame)) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillConvexPoly(frame, points, colour, cv2.LINE_AA, FRACTION_BITS)
