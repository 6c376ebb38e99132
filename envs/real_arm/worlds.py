"""The scene around the arm: simulated with the digital twin, or a real table with a camera and an operator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Camera

from .cameras.frame_grabber import crop_and_resize
from .cameras.sim import SimCamera, draw, to_pixels
from .drivers.sim import SimServo
from .task import CAMERA, IMAGE_PX

Source = Callable[[], tuple[float, NDArray[Any]]]
"""Returns the time of the newest sample and the sample."""
CAMERA_HZ = 30.0
SEEDS = 2**31


class World(Protocol):
    """What the environment needs beside the arm itself."""

    camera: Camera

    def sources(self) -> dict[str, Source]:
        """Flat observation keys, without the arm's own, and their sources."""
        ...

    def start(self, rng: np.random.Generator) -> bool:
        """Set up the scene. Returns True if that moved the arm, False if a person sets up the scene."""
        ...

    def outcome(self) -> dict[str, Any]:
        """`is_success` and `progress`."""
        ...

    def mark_success(self) -> None:
        """The operator says that the task is solved."""
        ...

    def picture(self, size_px: int) -> NDArray[np.uint8]:
        """The live view, `(H, W, 3)` RGB; `size_px` is its side if the size can be chosen."""
        ...

    def pixels(self, places_m: NDArray[np.float64], size_px: int) -> NDArray[np.float64] | None:
        """Columns and rows `(n, 2)` in `picture` of positions `(n, 3)`; None without a camera calibration."""
        ...


class TwinWorld:
    """The simulated table.

    Args:
        servo: the twin.
        shows_poses: observations hold the poses of block and target; otherwise a camera's picture.
        real_time: the camera gives 30 pictures a second; otherwise a new one at every read.
    """

    def __init__(self, servo: SimServo, shows_poses: bool, real_time: bool) -> None:
        self._servo, self._shows_poses = servo, shows_poses
        self.camera: Camera = SimCamera(servo, IMAGE_PX, IMAGE_PX, CAMERA_HZ if real_time else None)
        self._begun_m, self._progress = 1.0, 0.0

    def sources(self) -> dict[str, Source]:
        """See `World`."""
        return {"environment_state": self._poses} if self._shows_poses else {f"pixels.{CAMERA}": self._pixels}

    def start(self, rng: np.random.Generator) -> bool:
        """See `World`."""
        scene = self._servo.reset(int(rng.integers(SEEDS)))
        self._begun_m, self._progress = math.dist(scene.block[:2], scene.target), 0.0
        return True

    def outcome(self) -> dict[str, Any]:
        """See `World`; progress is the largest fraction so far of the block's initial distance to the target."""
        scene = self._servo.scene()
        way = 1.0 - math.dist(scene.block[:2], scene.target) / max(self._begun_m, 1e-9)
        self._progress = 1.0 if scene.is_success else max(self._progress, min(way, 1.0))
        return {"is_success": scene.is_success, "progress": self._progress}

    def mark_success(self) -> None:
        """Nothing to do: the twin measures success itself."""

    def picture(self, size_px: int) -> NDArray[np.uint8]:
        """See `World`."""
        return draw(self._servo.scene(), size_px, size_px)

    def pixels(self, places_m: NDArray[np.float64], size_px: int) -> NDArray[np.float64]:
        """See `World`."""
        return to_pixels(places_m[:, :2], size_px, size_px)

    def _poses(self) -> tuple[float, NDArray[np.float32]]:
        scene = self._servo.scene()
        return scene.time_s, np.array([*scene.block, *scene.target], dtype=np.float32)

    def _pixels(self) -> tuple[float, NDArray[np.uint8]]:
        frame = self.camera.read()
        return frame.time_s, frame.picture


class RealTable:
    """A physical table.

    Args:
        camera: that sees it.
        projection: `(3, 4)` matrix from homogeneous coordinates x, y, z, 1 (m, the arm's base frame) to homogeneous
            pixels (Hartley and Zisserman 2004, eq. 6.8), or None: then chunks are not drawn.
    """

    def __init__(self, camera: Camera, projection: NDArray[np.float64] | None) -> None:
        self.camera, self._projection = camera, projection
        self._is_solved = False

    def sources(self) -> dict[str, Source]:
        """See `World`."""
        return {f"pixels.{CAMERA}": self._pixels}

    def start(self, rng: np.random.Generator) -> bool:  # noqa: ARG002  # nothing is random
        """See `World`."""
        self._is_solved = False
        return False

    def outcome(self) -> dict[str, Any]:
        """See `World`."""
        return {"is_success": self._is_solved, "progress": float(self._is_solved)}

    def mark_success(self) -> None:
        """See `World`."""
        self._is_solved = True

    def picture(self, size_px: int) -> NDArray[np.uint8]:  # noqa: ARG002  # the camera has a fixed size
        """See `World`."""
        return self.camera.read().picture

    def pixels(self, places_m: NDArray[np.float64], size_px: int) -> NDArray[np.float64] | None:  # noqa: ARG002
        """See `World`."""
        if self._projection is None:
            return None
        rays = np.c_[places_m, np.ones(len(places_m))] @ self._projection.T
        seen: NDArray[np.float64] = rays[:, :2] / rays[:, 2:]
        return seen

    def _pixels(self) -> tuple[float, NDArray[np.uint8]]:
        frame = self.camera.read()
        return frame.time_s, crop_and_resize(frame.picture, IMAGE_PX, IMAGE_PX)
