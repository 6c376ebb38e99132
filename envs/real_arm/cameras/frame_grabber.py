"""A thread that reads frames from a camera, so that the newest one is available without waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Frame
from dpbench.errors import ConfigError

Picture = NDArray[np.uint8]


class FrameGrabber:
    """Keeps the newest frame of a camera.

    Args:
        name: of the camera, for messages.
        grab: waits for the next picture, `(H, W, 3)` RGB; raises OSError if there is none any more.
        size_px: height and width to which pictures are cropped and resized.
        stale_s: a frame older than this means that the camera has stopped.
        latency_s: time from exposure to the return of `grab`; subtracted from the time stamps.
    """

    def __init__(
        self,
        name: str,
        grab: Callable[[], Picture],
        size_px: tuple[int, int],
        stale_s: float,
        latency_s: float,
    ) -> None:
        self._name, self._grab, self._size_px, self._stale_s = name, grab, size_px, stale_s
        self._latency_s = latency_s
        self._newest: Frame | None = None
        self._error: Exception | None = None
        self._first, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self, timeout_s: float) -> None:
        """Start the thread and wait for the first frame.

        Raises:
            ConfigError: if none arrives.
        """
        self._thread.start()
        self._first.wait(timeout_s)
        if self._newest is None:
            self.close()
            raise ConfigError(
                f"{self._name} gave no picture within {timeout_s} s ({self._error or 'no error'}): check its cable, "
                "and that no other program uses it."
            )

    def read(self) -> Frame:
        """The newest frame.

        Raises:
            OSError: if the camera has stopped, the file has ended, or the frame is stale.
        """
        if self._error is not None:
            raise OSError(f"{self._name}: {self._error}") from self._error
        if self._newest is None:
            raise OSError(f"{self._name} has not started: call connect() first.")
        age_s = time.monotonic() - self._newest.time_s
        if age_s > self._stale_s:
            raise OSError(f"{self._name}: its newest picture is {age_s:.1f} s old; check its cable.")
        return self._newest

    def close(self) -> bool:
        """End the thread; False if it is still waiting for a picture."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                picture = self._grab()
                now = time.monotonic() - self._latency_s
                self._newest = Frame(now, crop_and_resize(picture, *self._size_px))
                self._first.set()
        except Exception as error:  # also if OpenCV cannot resize a picture; `read` reports it
            self._error = error
            self._first.set()


def crop_and_resize(picture: Picture, height_px: int, width_px: int) -> Picture:
    """The centre of a picture, cropped to the aspect ratio of the new size and resized."""
    height, width = picture.shape[:2]
    scale = max(height_px / height, width_px / width)
    rows, columns = round(height_px / scale), round(width_px / scale)
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = picture[top : top + rows, left : left + columns]
    scaled = cv2.resize(middle, (width_px, height_px), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled, dtype=np.uint8)
