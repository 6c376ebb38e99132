"""What is around the arm: the twin's scene, which knows the truth, or a table with a camera and a person."""

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
"""Gives the newest sample and when it was taken."""
CAMERA_HZ = 30.0
SEEDS = 2**31


class World(Protocol):
    """What an environment of an arm needs to know beside the arm itself."""

    camera: Camera

    def sources(self) -> dict[str, Source]:
        """Flat observation keys, but for the arm's own, and where they come from."""
        ...

    def start(self, rng: np.random.Generator) -> bool:
        """Set the scene; True when the arm was moved by that, False where a person sets it."""
        ...

    def outcome(self) -> dict[str, Any]:
        """`is_success` and `progress`."""
        ...

    def mark_success(self) -> None:
        """A person says that the task is solved."""
        ...

    def picture(self, size_px: int) -> NDArray[np.uint8]:
        """For a person, `(H, W, 3)` RGB; `size_px` is a side of it where the size can be chosen."""
        ...

    def pixels(self, places_m: NDArray[np.float64], size_px: int) -> NDArray[np.float64] | None:
        """Columns and rows `(n, 2)` in `picture` of places `(n, 3)`, None where the view is unknown."""
        ...


class TwinWorld:
    """The simulated table.

    Args:
        servo: the twin.
        shows_poses: observations hold the poses of block and target; else a camera's picture.
        real_time: the camera gives 30 pictures a second; else a new one whenever it is asked.
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
        """See `World`; progress is the share of the block's way to the target, at its best so far."""
        scene = self._servo.scene()
        way = 1.0 - math.dist(scene.block[:2], scene.target) / max(self._begun_m, 1e-9)
        self._progress = 1.0 if scene.is_success else max(self._progress, min(way, 1.0))
        return {"is_success": scene.is_success, "progress": self._progress}

    def mark_success(self) -> None:
        """Nothing: the twin knows the truth."""

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
    """A real one.

    Args:
        camera: that looks at it.
        projection: `(3, 4)` matrix from x, y, z (m, the arm's base frame) and 1 to pixels of the camera's picture,
            times their depth (Hartley and Zisserman, eq. 6.8), or None: then chunks are not drawn.
    """

    def __init__(self, camera: Camera, projection: NDArray[np.float64] | None) -> None:
        self.camera, self._projection = camera, projection
        self._is_solved = False

    def sources(self) -> dict[str, Source]:
        """See `World`."""
        return {f"pixels.{CAMERA}": self._pixels}

    def start(self, rng: np.random.Generator) -> bool:  # noqa: ARG002  # a person draws no numbers
        """See `World`."""
        self._is_solved = False
        return False

    def outcome(self) -> dict[str, Any]:
        """See `World`."""
        return {"is_success": self._is_solved, "progress": float(self._is_solved)}

    def mark_success(self) -> None:
        """See `World`."""
        self._is_solved = True

    def picture(self, size_px: int) -> NDArray[np.uint8]:  # noqa: ARG002  # the camera has its own
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
