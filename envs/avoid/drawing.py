"""Images of the course from above, drawn without OpenGL."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .scene import FINGER_RADIUS_M, Course

FIELD, OBSTACLE, FINISH, FINGER = (255, 255, 255), (119, 136, 153), (46, 139, 87), (65, 105, 225)
FRACTION_BITS = 4
"""Of OpenCV's fixed-point coordinates: sixteenths of a pixel."""


def draw(course: Course, finger_m: tuple[float, float], size_px: int) -> NDArray[np.uint8]:
    """The scene, `(size, size, 3)` RGB; y points up."""
    frame = _background(course, size_px).copy()
    _disc(frame, course, finger_m, FINGER_RADIUS_M, FINGER)
    return frame


def to_pixels(course: Course, places_m: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
    """Positions `(..., 2)` in m as columns and rows in px."""
    scale = size_px / course.side_m
    column = (places_m[..., 0] + course.side_m / 2) * scale
    row = size_px - (places_m[..., 1] - course.back_y_m) * scale
    return np.stack([column, row], axis=-1)


@cache
def _background(course: Course, size_px: int) -> NDArray[np.uint8]:
    frame = np.full((size_px, size_px, 3), FIELD, dtype=np.uint8)
    wall_m = course.half_width_m + FINGER_RADIUS_M  # what the finger cannot reach
    wall, row = to_pixels(course, np.array([-wall_m, course.finish_y_m]), size_px)
    half = max(1, size_px // 192)
    frame[round(row) - half : round(row) + half] = FINISH
    for x, y, radius in course.obstacles():
        _disc(frame, course, (x, y), radius, OBSTACLE)
    frame[:, : max(0, round(wall))] = frame[:, size_px - max(0, round(wall)) :] = OBSTACLE
    return frame


def _disc(
    frame: NDArray[np.uint8], course: Course, place_m: Iterable[float], radius_m: float, colour: tuple[int, int, int]
) -> None:
    size_px, one = len(frame), 1 << FRACTION_BITS
    column, row = to_pixels(course, np.array(tuple(place_m)), size_px)
    radius = radius_m * size_px / course.side_m
    centre = (round(column * one), round(row * one))
    cv2.circle(frame, centre, round(radius * one), colour, -1, cv2.LINE_AA, FRACTION_BITS)
