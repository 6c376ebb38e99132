"""Recorded steps lie on a regular grid of times, and each action is where the tool was commanded to go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Waypoint
from dpbench.arms.recording.journal import Journal
from dpbench.arms.recording.recorder import Recorder
from dpbench.arms.sensor_buffer import SensorBuffer
from dpbench.data.episodes import EpisodeStore

UNIT = np.array([0.0, 0.0, 0.0, 1.0])


def at(time_s: float, x: float) -> Waypoint:
    return Waypoint(time_s, np.array([x, 0.0, 0.0]), UNIT, 0.0)


class Samples(SensorBuffer):
    """A sensor buffer without a thread, whose samples are given as functions of time."""

    def __init__(self, samples: dict[str, Callable[[float], float]], newest_s: float) -> None:
        super().__init__({}, 0.1)
        self._given, self.newest = samples, newest_s

    def newest_s(self) -> float:
        return self.newest

    def at(self, times_s: Any) -> dict[str, NDArray[Any]]:
        return {key: np.array([[value(due)] for due in times_s], np.float32) for key, value in self._given.items()}


def difference(before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
    return np.array([before.position[0], goal.position[0]], np.float32)


def test_steps_lie_on_a_grid_and_actions_are_the_commands_at_its_times(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "demos.zarr", {})
    sensors = Samples({"agent_pos": lambda due: due}, newest_s=10.0)
    recorder = Recorder(sensors, difference, {"agent_pos": "agent_pos", "action": "action"}, 0.1, journal, at(10.0, 0))
    assert recorder.step(10.0) == 0, "the next goal is not known yet"
    # A goal every 0.1 s, each due 0.13 s later: the grid of goals is not that of the steps.
    for number in range(10):
        now = 10.0 + 0.1 * number
        recorder.add_commands(now, (at(now + 0.13, 0.01 * (number + 1)),))
        sensors.newest = now - 0.03
        recorder.step(now)
    steps = EpisodeStore.open(journal.unfinished)
    seen = steps.read("agent_pos")[:, 0]
    np.testing.assert_allclose(seen, 10.0 + 0.1 * np.arange(len(seen)), atol=1e-5)
    assert len(seen) == 9, "a frame that is 30 ms old has not reached the last step"
    before, goal = steps.read("action").T
    np.testing.assert_allclose(before[1:], goal[:-1], atol=1e-6)
    # On a steady path the commanded position is a line over time.
    np.testing.assert_allclose(np.diff(goal[2:]), 0.01, atol=2e-4)


def test_guided_by_hand_the_actions_are_measured_poses(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "demos.zarr", {})
    sensors = Samples({"agent_pos": lambda due: 2.0 * due}, newest_s=1.0)
    recorder = Recorder(sensors, difference, {"agent_pos": "agent_pos", "action": "action"}, 0.1, journal, at(0.0, 0))
    for now in np.arange(0.01, 1.0, 0.01):
        recorder.add_measured(at(float(now), 2.0 * float(now)))
    recorder.step(0.99)
    steps = EpisodeStore.open(journal.unfinished)
    np.testing.assert_allclose(steps.read("action")[:, 1], steps.read("agent_pos")[:, 0] + 0.2, atol=1e-4)
    assert steps.n_steps == 9
