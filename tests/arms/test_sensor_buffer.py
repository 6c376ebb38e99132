"""Sensor samples are aligned by time, and a sensor that stops is named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.arms.sensor_buffer import SensorBuffer, Stream, newest_common, step_times
from dpbench.errors import ArmFaultError


def test_steps_are_aligned_to_the_slowest_sensor() -> None:
    fast, slow = Stream[int]("states"), Stream[int]("camera")
    for number in range(100):
        fast.add(number * 0.01, number)
    for number in range(10):
        slow.add(number * 0.1, number)
    slow.add(0.9, 99)
    newest = newest_common({"states": fast, "camera": slow}, now_s=1.0, stale_s=0.2)
    assert newest == pytest.approx(0.9)
    assert slow.before(newest) == 9, "a frame that is read again is not newer"
    times = step_times(newest, 3, 0.1)
    assert [fast.before(due + 1e-9) for due in times] == [70, 80, 90]
    assert fast.before(-1.0) == 0
    with pytest.raises(ArmFaultError, match=r"camera is 0\.60 s old"):
        newest_common({"states": fast, "camera": slow}, now_s=1.5, stale_s=0.55)
    with pytest.raises(ArmFaultError, match="has not sent anything yet"):
        Stream[int]("top camera").before(0.0)


def test_sensors_are_aligned_to_the_slowest() -> None:
    began = time.monotonic()

    def every(period_s: float) -> Callable[[], tuple[float, NDArray[Any]]]:
        return lambda: (now := began + (time.monotonic() - began) // period_s * period_s, np.array(now - began))

    sensors = SensorBuffer({"state": every(0.008), "camera": every(0.033)}, period_s=0.1)
    sensors.start()
    sensors.wait()
    time.sleep(0.45)
    newest_s, history = sensors.observe(3)
    sensors.close()
    camera, state = history["camera"], history["state"]
    assert camera[-1] == pytest.approx(newest_s - began, abs=1e-6)
    due = newest_s - began - np.array([0.2, 0.1, 0.0])
    for values, period_s in ((state, 0.008), (camera, 0.033)):
        assert (values <= due + 1e-6).all(), "no sample from after the step"
        assert (values > due - period_s - 0.06).all(), "the last one before it"


def test_a_source_that_fails_or_stops_is_named() -> None:
    def broken() -> tuple[float, NDArray[Any]]:
        raise OSError("the camera is unplugged")

    sensors = SensorBuffer({"camera": broken}, 0.1)
    sensors.start()
    with pytest.raises(ArmFaultError, match="unplugged"):
        sensors.wait()
    frozen_s = time.monotonic()
    sensors = SensorBuffer({"camera": lambda: (frozen_s, np.zeros(1))}, 0.1, stale_s=0.1)
    sensors.start()
    sensors.wait()
    time.sleep(0.15)
    with pytest.raises(ArmFaultError, match="last sample of camera is"):
        sensors.observe(1)
    sensors.close()
    sensors.close()


def test_any_error_of_a_sensor_is_passed_on() -> None:
    def read() -> tuple[float, NDArray[Any]]:
        raise ZeroDivisionError("a stranger's camera")

    sensors = SensorBuffer({"pixels": read}, 0.1)
    sensors.start()
    with pytest.raises(ArmFaultError, match=r"ZeroDivisionError.*stranger's camera"):
        sensors.wait(10.0)
    sensors.close()


def test_a_sample_from_another_clock_is_an_error() -> None:
    stream: Stream[float] = Stream("pixels.top")
    stream.add(1e9, 0.0)
    with pytest.raises(ArmFaultError, match=r"pixels.top .* time.monotonic"):
        newest_common({"pixels.top": stream}, 100.0, 0.5)
