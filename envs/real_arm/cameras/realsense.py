"""The colour stream of Intel RealSense cameras, over librealsense (pyrealsense2)."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from dpbench.arms.driver import Frame
from dpbench.errors import ConfigError

from ..client_library import client_library
from .frame_grabber import FrameGrabber, Picture

WAIT_MS = 1000


class RealSenseCamera:
    """A `dpbench.arms.driver.Camera`.

    Args:
        serial: serial number, or "" if there is only one camera.
        height_px: height of its pictures.
        width_px: width of its pictures.
        native_px: height and width of the stream, which the model must support.
        rate_hz: of the stream.
        exposure_us: fixed exposure, or None for automatic exposure.
        timeout_s: for the first picture.
        stale_s: maximum age of the newest picture.
        latency_s: latency of the camera itself, subtracted from the time stamps.
    """

    def __init__(
        self,
        serial: str = "",
        height_px: int = 240,
        width_px: int = 320,
        native_px: tuple[int, int] = (720, 1280),
        rate_hz: int = 30,
        exposure_us: float | None = None,
        timeout_s: float = 5.0,
        stale_s: float = 1.0,
        latency_s: float = 0.0,
    ) -> None:
        self.size_px = (height_px, width_px)
        self._serial, self._native_px, self._rate_hz, self._exposure_us = serial, native_px, rate_hz, exposure_us
        self._timeout_s, self._stale_s, self._latency_s = timeout_s, stale_s, latency_s
        self._pipeline: Any = None
        self._newest: FrameGrabber | None = None

    def connect(self) -> None:
        """See `Camera`."""
        rs = client_library("pyrealsense2", "realsense")
        self.close()
        config, (height, width) = rs.config(), self._native_px
        if self._serial:
            config.enable_device(self._serial)
        config.enable_stream(rs.stream.color, width, height, rs.format.rgb8, self._rate_hz)
        pipeline = rs.pipeline()
        try:
            profile = pipeline.start(config)
            self._pipeline = pipeline
            if self._exposure_us is not None:
                sensor = profile.get_device().first_color_sensor()
                sensor.set_option(rs.option.enable_auto_exposure, 0.0)
                sensor.set_option(rs.option.exposure, self._exposure_us)
            name = f"RealSense {self._serial!r}"
            self._newest = FrameGrabber(name, self._grab, self.size_px, self._stale_s, self._latency_s)
            self._newest.start(self._timeout_s)
        except RuntimeError as error:  # librealsense raises this class
            self.close()
            raise ConfigError(
                f"RealSense {self._serial!r} does not start at {width} x {height}, {self._rate_hz} Hz ({error}): check "
                "its serial number, that it is connected to USB 3, and that its model supports this stream."
            ) from error
        except ConfigError:
            self.close()
            raise

    def read(self) -> Frame:
        """See `Camera`.

        Raises:
            OSError: if the camera has been unplugged.
        """
        if self._newest is None:
            raise OSError(f"RealSense {self._serial!r} is not connected: call connect() first.")
        return self._newest.read()

    def close(self) -> None:
        """See `Camera`."""
        newest, pipeline, self._newest, self._pipeline = self._newest, self._pipeline, None, None
        if newest is not None:
            newest.close()
        if pipeline is not None:
            with contextlib.suppress(RuntimeError):  # the camera has been unplugged
                pipeline.stop()

    def _grab(self) -> Picture:
        pipeline = self._pipeline
        if pipeline is None:
            raise OSError("closed")
        try:
            frame = pipeline.wait_for_frames(WAIT_MS).get_color_frame()
        except RuntimeError as error:
            raise OSError(f"{error}; check its cable") from error
        # Copied, since librealsense reuses the memory.
        return np.array(frame.get_data(), dtype=np.uint8)
