"""Cameras give the newest frame and notice failures; videos are written here, librealsense is a fake."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from dpbench.arms.driver import Frame
from dpbench.envs.real_arm.cameras.frame_grabber import FrameGrabber, crop_and_resize
from dpbench.envs.real_arm.cameras.opencv import OpenCvCamera
from dpbench.envs.real_arm.cameras.realsense import RealSenseCamera
from dpbench.errors import ConfigError, MissingExtraError

RED = (220, 30, 20)


def video(path: Path, n_frames: int, rate_hz: float = 50.0) -> str:
    """A red video whose right half is blue in the second half."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (160, 120))
    for number in range(n_frames):
        picture = np.full((120, 160, 3), RED[::-1], dtype=np.uint8)
        if number >= n_frames // 2:
            picture[:, 80:] = (200, 0, 0)
        writer.write(picture)
    writer.release()
    return str(path)


def until_it_ends(camera: Any) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    end_s = time.monotonic() + 10.0
    while time.monotonic() < end_s:
        try:
            frame = camera.read()
        except OSError as error:
            return frames, str(error)
        if not frames or frame.time_s > frames[-1].time_s:
            frames.append(frame)
        time.sleep(0.002)
    raise AssertionError("it did not end")


def test_a_video_plays_at_its_rate_and_ends(tmp_path: Path) -> None:
    camera = OpenCvCamera(video(tmp_path / "red.avi", 30), height_px=60, width_px=80)
    assert camera.size_px == (60, 80)
    camera.connect()
    frames, reason = until_it_ends(camera)
    camera.close()
    camera.close()
    assert "video has ended" in reason
    assert frames[0].picture.shape == (60, 80, 3)
    assert frames[0].picture.dtype == np.uint8
    assert np.abs(frames[0].picture.astype(int) - RED).max() < 15, "RGB, not BGR"
    assert frames[-1].picture[30, 70, 2] > 150
    assert 0.4 < frames[-1].time_s - frames[0].time_s < 3.0
    assert time.monotonic() - frames[-1].time_s < 3.0


def test_a_picture_that_cannot_be_scaled_is_named_at_once() -> None:
    newest = FrameGrabber("a broken camera", lambda: np.zeros((0, 0, 3), np.uint8), (60, 80), 1.0, 0.0)
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"a broken camera gave no picture .*division"):
        newest.start(30.0)
    assert time.monotonic() - began < 10.0


def test_a_camera_that_hangs_is_not_released_in_the_middle_of_a_read(tmp_path: Path) -> None:
    class Hanging:
        released = False

        def release(self) -> None:
            self.released = True

    for is_still, released in ((True, False), (False, True)):
        camera, capture = OpenCvCamera(video(tmp_path / "red.avi", 3), 60, 80), Hanging()
        camera._capture = capture  # type: ignore[assignment]
        camera._newest = SimpleNamespace(close=lambda still=is_still: not still)  # type: ignore[assignment]
        camera.close()
        assert capture.released == released


def test_reading_does_not_wait(tmp_path: Path) -> None:
    camera = OpenCvCamera(video(tmp_path / "slow.avi", 4, rate_hz=2.0), 120, 160)
    camera.connect()
    start_s = time.perf_counter()
    times = {camera.read().time_s for _ in range(100)}
    assert time.perf_counter() - start_s < 0.4
    assert len(times) <= 2
    camera.close()
    with pytest.raises(OSError, match="not connected"):
        camera.read()


def test_a_camera_that_stops_is_noticed(tmp_path: Path) -> None:
    camera = OpenCvCamera(video(tmp_path / "stuck.avi", 4, rate_hz=0.5), 120, 160, stale_s=0.05)
    camera.connect()
    time.sleep(0.1)
    with pytest.raises(OSError, match="s old"):
        camera.read()
    camera.close()


@pytest.mark.parametrize("source", ["nowhere.avi", 97])
def test_a_missing_camera_gives_advice(source: int | str) -> None:
    with pytest.raises(ConfigError, match=r"expected the number of a camera|check its number"):
        OpenCvCamera(source, 120, 160).connect()


def test_a_file_that_is_not_a_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("no video")
    with pytest.raises(ConfigError, match="cannot open"):
        OpenCvCamera(str(tmp_path / "text.avi"), 120, 160).connect()


def test_pictures_are_cropped_without_distortion() -> None:
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    picture[:, 50:150] = 255
    assert (crop_and_resize(picture, 50, 50) == 255).all(), "of a wide picture the middle square"
    assert crop_and_resize(picture, 240, 320).shape == (240, 320, 3)
    assert crop_and_resize(picture, 100, 200) is not picture
    assert (crop_and_resize(picture, 100, 200) == picture).all()


class FakePipeline:
    """The used part of pyrealsense2; it gives `n_left` frames."""

    n_left = 3
    options: dict[str, float] = {}  # noqa: RUF012
    wanted: tuple[Any, ...] = ()
    is_running = False

    def start(self, config: Any) -> Any:
        if config.serial == "wrong":
            raise RuntimeError("No device connected")
        FakePipeline.wanted, FakePipeline.is_running = config.stream, True
        sensor = SimpleNamespace(set_option=FakePipeline.options.__setitem__)
        return SimpleNamespace(get_device=lambda: SimpleNamespace(first_color_sensor=lambda: sensor))

    def stop(self) -> None:
        FakePipeline.is_running = False

    def wait_for_frames(self, timeout_ms: int) -> Any:
        time.sleep(0.02)
        if self.n_left == 0:
            raise RuntimeError(f"Frame didn't arrive within {timeout_ms}")
        self.n_left -= 1
        picture = np.full((72, 128, 3), RED, dtype=np.uint8)
        return SimpleNamespace(get_color_frame=lambda: SimpleNamespace(get_data=lambda: picture))


class FakeConfig:
    serial = ""
    stream: tuple[Any, ...] = ()

    def enable_device(self, serial: str) -> None:
        self.serial = serial

    def enable_stream(self, *stream: Any) -> None:
        self.stream = stream


@pytest.fixture
def fake_library(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(
        config=FakeConfig,
        pipeline=FakePipeline,
        stream=SimpleNamespace(color="color"),
        format=SimpleNamespace(rgb8="rgb8"),
        option=SimpleNamespace(enable_auto_exposure="auto", exposure="exposure"),
    )
    monkeypatch.setitem(sys.modules, "pyrealsense2", library)  # type: ignore[arg-type]


@pytest.mark.usefixtures("fake_library")
def test_realsense_gives_rgb_and_notices_an_unplugged_camera() -> None:
    camera = RealSenseCamera("123", height_px=24, width_px=32, exposure_us=120.0)
    camera.connect()
    assert FakePipeline.wanted == ("color", 1280, 720, "rgb8", 30)
    assert FakePipeline.options == {"auto": 0.0, "exposure": 120.0}
    frames, reason = until_it_ends(camera)
    assert (frames[0].picture == RED).all()
    assert frames[0].picture.shape == (24, 32, 3)
    assert "check its cable" in reason
    camera.close()
    camera.close()
    assert not FakePipeline.is_running


@pytest.mark.usefixtures("fake_library")
def test_a_missing_realsense_gives_advice() -> None:
    with pytest.raises(ConfigError, match="check its serial number"):
        RealSenseCamera("wrong").connect()


def test_without_librealsense_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"pip install 'dpbench\[realsense\]'"):
        RealSenseCamera().connect()
