"""Observations aligned by time, steps on a regular grid, ensembles of chunks, and the lag between two paths."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.arms.deployment.ensemble import ChunkEnsemble
from dpbench.arms.driver import Waypoint
from dpbench.arms.execution_latency import ExecutionLatencyMeter
from dpbench.arms.recording.journal import Journal
from dpbench.arms.recording.recorder import Recorder
from dpbench.arms.sensor_buffer import SensorBuffer
from dpbench.data.episodes import EpisodeStore
from dpbench.errors import ArmFaultError, ConfigError

UNIT = np.array([0.0, 0.0, 0.0, 1.0])


def at(time_s: float, x: float) -> Waypoint:
    return Waypoint(time_s, np.array([x, 0.0, 0.0]), UNIT, 0.0)


class Samples(SensorBuffer):
    """An observer whose samples are given, without a thread: time -> value."""

    def __init__(self, samples: dict[str, Callable[[float], float]], newest_s: float) -> None:
        super().__init__({}, 0.1)
        self._given, self.newest = samples, newest_s

    def newest_s(self) -> float:
        return self.newest

    def at(self, times_s: Any) -> dict[str, NDArray[Any]]:
        return {key: np.array([[value(due)] for due in times_s], np.float32) for key, value in self._given.items()}


def difference(before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
    return np.array([before.position[0], goal.position[0]], np.float32)


def test_steps_lie_on_a_grid_and_actions_are_where_the_tool_was_meant_to_be(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "demos.zarr", {})
    sensors = Samples({"agent_pos": lambda due: due}, newest_s=10.0)
    recorder = Recorder(sensors, difference, {"agent_pos": "agent_pos", "action": "action"}, 0.1, journal, at(10.0, 0))
    assert recorder.step(10.0) == 0, "nobody knows yet where the tool goes from there"
    # A goal every 0.1 s, each due 0.13 s later: the grid of goals is not that of the steps.
    for number in range(10):
        now = 10.0 + 0.1 * number
        recorder.follow(now, (at(now + 0.13, 0.01 * (number + 1)),))
        sensors.newest = now - 0.03
        recorder.step(now)
    steps = EpisodeStore.open(journal.unfinished)
    seen = steps.read("agent_pos")[:, 0]
    np.testing.assert_allclose(seen, 10.0 + 0.1 * np.arange(len(seen)), atol=1e-5)
    assert len(seen) == 9, "a frame that is 30 ms old has not reached the last step"
    before, goal = steps.read("action").T
    np.testing.assert_allclose(before[1:], goal[:-1], atol=1e-6)
    # On a steady path the planned place at a time is a line.
    np.testing.assert_allclose(np.diff(goal[2:]), 0.01, atol=2e-4)


def test_moved_by_hand_the_actions_are_what_was_measured(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "demos.zarr", {})
    sensors = Samples({"agent_pos": lambda due: 2.0 * due}, newest_s=1.0)
    recorder = Recorder(sensors, difference, {"agent_pos": "agent_pos", "action": "action"}, 0.1, journal, at(0.0, 0))
    for now in np.arange(0.01, 1.0, 0.01):
        recorder.was_at(at(float(now), 2.0 * float(now)))
    recorder.step(0.99)
    steps = EpisodeStore.open(journal.unfinished)
    np.testing.assert_allclose(steps.read("action")[:, 1], steps.read("agent_pos")[:, 0] + 0.2, atol=1e-4)
    assert steps.n_steps == 9


def test_an_observer_aligns_its_sources_to_the_slowest() -> None:
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
        assert (values <= due + 1e-6).all(), "nothing from after the step"
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


def test_an_ensemble_is_the_weighted_mean_of_all_chunks_that_reach_a_time() -> None:
    ensemble = ChunkEnsemble(decay=0.5, n_chunks=8)
    first = ensemble.mean((1.0, 2.0, 3.0), np.array([[0.0], [1.0], [2.0]], np.float32))
    assert first[:, 0].tolist() == [0.0, 1.0, 2.0]
    second = ensemble.mean((2.5, 3.5), np.array([[3.5], [9.0]], np.float32))
    # At 2.5 the older chunk says 1.5, and weighs 1, the newer one exp(-0.5); 3.5 it does not reach.
    share = np.exp(-0.5)
    assert second[:, 0] == pytest.approx([(1.5 + share * 3.5) / (1 + share), 9.0])
    with pytest.raises(ConfigError, match="decay = -1"):
        ChunkEnsemble(-1.0, 8)


@pytest.mark.parametrize("lag_s", [0.0, 0.06, 0.25])
def test_the_lag_between_two_paths_is_found(lag_s: float) -> None:
    def place(time_s: float) -> NDArray[np.float64]:
        return np.array([0.05 * np.sin(2.0 * time_s), 0.0, 0.0])

    meter = ExecutionLatencyMeter()
    assert meter.execution_s() is None
    for now in np.arange(0.0, 4.0, 0.03).tolist():
        state_s = now - 0.01
        meter.add(now, place(now), state_s, place(state_s - lag_s))
    assert meter.execution_s() == pytest.approx(lag_s, abs=0.006)


def test_an_arm_that_stands_still_has_no_lag() -> None:
    meter = ExecutionLatencyMeter()
    for now in np.arange(0.0, 1.0, 0.03).tolist():
        meter.add(now, np.zeros(3), now, np.zeros(3))
    assert meter.execution_s() is None


def test_whatever_a_source_raises_is_heard() -> None:
    def read() -> tuple[float, NDArray[Any]]:
        raise ZeroDivisionError("a stranger's camera")

    sensors = SensorBuffer({"pixels": read}, 0.1)
    sensors.start()
    with pytest.raises(ArmFaultError, match=r"ZeroDivisionError.*stranger's camera"):
        sensors.wait(10.0)
    sensors.close()
