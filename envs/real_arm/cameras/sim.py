"""A camera above the simulated table, drawn without OpenGL; in the picture x points up and y to the left."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Frame
from dpbench.errors import ConfigError

from ..drivers.sim import Scene, SimServo
from ..scene import BLOCK_HALF_M, ROD_RADIUS_M, TOLERANCE_M, X_RANGE_M, Y_RANGE_M

TABLE, TARGET, BLOCK, ROD = (255, 255, 255), (170, 225, 170), (200, 60, 60), (65, 105, 225)
MARGIN_M = 0.05
"""Table shown around the workspace."""
FRACTION_BITS = 4
"""Fractional bits of OpenCV's coordinates: sixteenths of a pixel."""


class SimCamera:
    """A `dpbench.arms.driver.Camera` of the twin; it shows the true scene even if the arm's states are faulty.

    Args:
        servo: the arm of the same station, connected before the camera.
        height_px: height of its pictures.
        width_px: width of its pictures.
        rate_hz: pictures per second; None draws a new one at every read.

    Raises:
        ConfigError: unless height and width are at least 1.
    """

    def __init__(
        self, servo: SimServo, height_px: int = 240, width_px: int = 320, rate_hz: float | None = None
    ) -> None:
        if min(height_px, width_px) < 1:
            raise ConfigError(f"height_px = {height_px}, width_px = {width_px}: expected at least 1.")
        self._servo, self._size_px = servo, (height_px, width_px)
        self._period_s = 0.0 if rate_hz is None else 1.0 / rate_hz
        self._newest: Frame | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width."""
        return self._size_px

    def connect(self) -> None:
        """There is nothing to open: pictures are drawn from the servo's scene."""

    def read(self) -> Frame:
        """The newest picture of the table.

        Raises:
            ArmFaultError: before the servo is connected.
            ConnectionError: if the twin has ended.
        """
        scene, newest = self._servo.scene(), self._newest
        if newest is None or not 0.0 <= scene.time_s - newest.time_s < self._period_s:
            newest = self._newest = Frame(scene.time_s, draw(scene, *self._size_px))
        return newest

    def close(self) -> None:
        """There is nothing to close."""


def draw(scene: Scene, height_px: int, width_px: int) -> NDArray[np.uint8]:
    """The scene from above, `(height_px, width_px, 3)` RGB."""
    frame = np.full((height_px, width_px, 3), TABLE, dtype=np.uint8)
    _disc(frame, scene.target, TOLERANCE_M, TARGET)
    x, y, yaw = scene.block
    cos, sin = BLOCK_HALF_M * math.cos(yaw), BLOCK_HALF_M * math.sin(yaw)
    corners = np.array(
        [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    )
    points = np.round(to_pixels(corners, height_px, width_px) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillConvexPoly(frame, points, BLOCK, cv2.LINE_AA, FRACTION_BITS)
    _disc(frame, scene.tip, ROD_RADIUS_M, ROD)
    return frame


def to_pixels(places_m: NDArray[np.float64], height_px: int, width_px: int) -> NDArray[np.float64]:
    """Positions `(..., 2)` in m to columns and rows in px, with the workspace in the middle of the picture."""
    centre = np.array([width_px / 2, height_px / 2])
    column = sum(Y_RANGE_M) / 2 - places_m[..., 1]
    row = sum(X_RANGE_M) / 2 - places_m[..., 0]
    pixels: NDArray[np.float64] = centre + _px_per_m(height_px, width_px) * np.stack([column, row], axis=-1)
    return pixels


def _px_per_m(height_px: int, width_px: int) -> float:
    """The largest scale at which the workspace and its margin fit."""
    sides = (high - low + 2 * MARGIN_M for low, high in (X_RANGE_M, Y_RANGE_M))
    return min(px / side for px, side in zip((height_px, width_px), sides, strict=True))


def _disc(frame: NDArray[np.uint8], centre_m: tuple[float, float], radius_m: float, colour: tuple[int, ...]) -> None:
    height_px, width_px, _ = frame.shape
    one = 1 << FRACTION_BITS
    column, row = (to_pixels(np.array(centre_m), height_px, width_px) * one).round().astype(int).tolist()
    radius = round(radius_m * _px_per_m(height_px, width_px) * one)
    cv2.circle(frame, (column, row), radius, colour, -1, cv2.LINE_AA, FRACTION_BITS)
