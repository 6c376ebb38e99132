"""Cameras and videos that OpenCV can open: UVC cameras by number, files and streams by name."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from dpbench.arms.driver import Frame
from dpbench.errors import ConfigError

from .frame_grabber import FrameGrabber, Picture


class OpenCvCamera:
    """A `dpbench.arms.driver.Camera`; a file is played once, at its own frame rate.

    Args:
        source: number of a camera, or name of a video file or stream.
        height_px: height of its pictures.
        width_px: width of its pictures.
        native_px: height and width requested from the camera, or None for its default.
        timeout_s: for the first picture.
        stale_s: maximum age of the newest picture.
        latency_s: latency of the camera itself, subtracted from the time stamps.
    """

    def __init__(
        self,
        source: int | str,
        height_px: int,
        width_px: int,
        native_px: tuple[int, int] | None = None,
        timeout_s: float = 5.0,
        stale_s: float = 1.0,
        latency_s: float = 0.0,
    ) -> None:
        self.size_px = (height_px, width_px)
        self._source, self._native_px = source, native_px
        self._timeout_s, self._stale_s, self._latency_s = timeout_s, stale_s, latency_s
        self._capture: cv2.VideoCapture | None = None
        self._newest: FrameGrabber | None = None
        self._period_s = self._due_s = 0.0

    def connect(self) -> None:
        """See `Camera`."""
        self.close()
        name = str(self._source)
        is_file = isinstance(self._source, str) and "://" not in name
        if is_file and not Path(name).is_file():
            raise ConfigError(f"camera {self._source!r}: expected the number of a camera, or an existing file.")
        self._capture = capture = cv2.VideoCapture(self._source)
        if not capture.isOpened():
            self.close()
            raise ConfigError(
                f"OpenCV cannot open camera {self._source!r}: check its number (ls /dev/video*), its cable, your "
                "permission to read it, and that no other program uses it."
            )
        if self._native_px is not None:
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._native_px[0])
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._native_px[1])
        self._period_s = 1.0 / (capture.get(cv2.CAP_PROP_FPS) or 30.0) if is_file else 0.0
        self._due_s = time.monotonic()
        name = f"camera {self._source!r}"
        self._newest = FrameGrabber(name, self._grab, self.size_px, self._stale_s, self._latency_s)
        try:
            self._newest.start(self._timeout_s)
        except ConfigError:
            self.close()
            raise

    def read(self) -> Frame:
        """See `Camera`.

        Raises:
            OSError: at the end of the file, or if the camera has been unplugged.
        """
        if self._newest is None:
            raise OSError(f"camera {self._source!r} is not connected: call connect() first.")
        return self._newest.read()

    def close(self) -> None:
        """See `Camera`."""
        newest, capture, self._newest, self._capture = self._newest, self._capture, None, None
        # OpenCV aborts the process if a camera is released during a read, for example one that hangs.
        if (newest is None or newest.close()) and capture is not None:
            capture.release()

    def _grab(self) -> Picture:
        capture = self._capture
        if capture is None:
            raise OSError("closed")
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s += self._period_s
        is_there, picture = capture.read()
        if not is_there:
            raise OSError("the video has ended" if self._period_s else "no more pictures; check its cable")
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
