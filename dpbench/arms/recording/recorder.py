"""Observations and actions of an arm as steps of a store, on a regular grid of times.

Step k is at `t_k = t_0 + k * period`. Its observation holds the last sample of every sensor before `t_k`. Its action
leads from where the tool was commanded to be at `t_k` to where it was commanded to be one period later. A policy that
is trained on these steps and run with `dpbench.arms.deployment` sees and does the same.
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
"""Length of the path that is kept, longer than the age of any frame."""


class Recorder:
    """Records one episode.

    Args:
        sensors: started.
        action: `(goal at a step, goal at the next step) -> (Da,)`.
        arrays: flat observation key, and `"action"`, -> array of the store.
        period_s: control period of the policy.
        journal: stores the steps; None keeps only the path.
        start: where the tool is when the episode begins.
    """

    def __init__(
        self,
        sensors: SensorBuffer,
        action: Callable[[Waypoint, Waypoint], NDArray[np.float32]],
        arrays: Mapping[str, str],
        period_s: float,
        journal: Journal | None,
        start: Waypoint,
    ) -> None:
        self._sensors, self._action, self._arrays = sensors, action, arrays
        self._period_s, self._journal = period_s, journal
        self._path: tuple[Waypoint, ...] = (start,)
        self._next_s = start.time_s

    def commanded(self, time_s: float) -> Waypoint:
        """Where the tool is commanded to be at a time."""
        return Trajectory(self._path).at(time_s)

    def add_commands(self, now_s: float, waypoints: Sequence[Waypoint]) -> None:
        """Replace all commands after `now_s` by these waypoints; if none of them is later, keep the old ones."""
        after = [one for one in waypoints if one.time_s > now_s]
        if after:
            before = [one for one in self._path if now_s - KEPT_S < one.time_s < now_s]
            self._path = (*before, self.commanded(now_s), *after)

    def add_measured(self, waypoint: Waypoint) -> None:
        """Take a measured pose as the command: the arm is guided by hand."""
        if waypoint.time_s > self._path[-1].time_s:
            self._path = (*(one for one in self._path if one.time_s > waypoint.time_s - KEPT_S), waypoint)

    def step(self, now_s: float) -> int:
        """Write all steps whose observation and action are complete.

        Returns:
            Number of steps written.

        Raises:
            ArmFaultError: if a sensor has stopped.
            DataError: if the disk is full.
        """
        newest_s = self._sensors.newest_s()
        n_written = 0
        while self._next_s <= newest_s and self._next_s + self._period_s <= now_s:
            observation: dict[str, NDArray[Any]] = self._sensors.at((self._next_s,))
            goals = self.commanded(self._next_s), self.commanded(self._next_s + self._period_s)
            values = {**{key: value[0] for key, value in observation.items()}, "action": self._action(*goals)}
            if self._journal is not None:
                self._journal.add({name: values[key] for key, name in self._arrays.items()})
            self._next_s += self._period_s
            n_written += 1
        return n_written
