"""Observations and actions of an arm as steps of a store: on a regular grid of times, whatever came when.

Step k is at `t_k = t_0 + k * period`: the observation is what every source had last given by then, the action leads
from where the tool was meant to be at `t_k` to where it was meant to be one period later. A policy that is trained on
these steps and run by `runtime.run_policy` sees and does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.control.trajectory import Trajectory
from dpbench.arms.driver import Waypoint
from dpbench.arms.recording.journal import Journal
from dpbench.arms.sensor_buffer import SensorBuffer

KEPT_S = 3.0
"""How much of the path is remembered: more than any frame is late."""


class Recorder:
    """One episode.

    Args:
        observer: started.
        action: `(goal at a step, goal at the next) -> (Da,)`.
        arrays: flat observation key, and `"action"`, -> array of the store.
        period_s: of the policy.
        journal: takes the steps; None only remembers the path.
        here: where the tool is when the episode begins.
    """

    def __init__(
        self,
        sensors: SensorBuffer,
        action: Callable[[Waypoint, Waypoint], NDArray[np.float32]],
        arrays: Mapping[str, str],
        period_s: float,
        journal: Journal | None,
        here: Waypoint,
    ) -> None:
        self._sensors, self._action, self._arrays = sensors, action, arrays
        self._period_s, self._journal = period_s, journal
        self._path: tuple[Waypoint, ...] = (here,)
        self._next_s = here.time_s

    def planned(self, time_s: float) -> Waypoint:
        """Where the tool is meant to be at a time."""
        return Trajectory(self._path).at(time_s)

    def follow(self, now_s: float, waypoints: Sequence[Waypoint]) -> None:
        """The arm will go through these from now on, in place of all that was planned; without any, as planned."""
        after = [one for one in waypoints if one.time_s > now_s]
        if after:
            before = [one for one in self._path if now_s - KEPT_S < one.time_s < now_s]
            self._path = (*before, self.planned(now_s), *after)

    def was_at(self, waypoint: Waypoint) -> None:
        """The arm, moved by hand, was there."""
        if waypoint.time_s > self._path[-1].time_s:
            self._path = (*(one for one in self._path if one.time_s > waypoint.time_s - KEPT_S), waypoint)

    def step(self, now_s: float) -> int:
        """Write all steps whose observation and action are known by now.

        Returns:
            How many.

        Raises:
            ArmFaultError: when a source has stopped.
            DataError: when the disk is full.
        """
        newest_s = self._sensors.newest_s()
        n_written = 0
        while self._next_s <= newest_s and self._next_s + self._period_s <= now_s:
            observation: dict[str, NDArray[Any]] = self._sensors.at((self._next_s,))
            goals = self.planned(self._next_s), self.planned(self._next_s + self._period_s)
            values = {**{key: value[0] for key, value in observation.items()}, "action": self._action(*goals)}
            if self._journal is not None:
                self._journal.add({name: values[key] for key, name in self._arrays.items()})
            self._next_s += self._period_s
            n_written += 1
        return n_written
