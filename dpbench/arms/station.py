"""The station protocol: what an arm's environment offers beside Gymnasium's methods.

`dpbench arm` takes `env.unwrapped` as the station. A task of yours that has these members can be checked, recorded on
and used to run policies with the same commands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.safety import Limits
from dpbench.arms.driver import Camera, Waypoint
from dpbench.arms.sensor_buffer import SensorBuffer
from dpbench.errors import ArmFaultError, ConfigError
from dpbench.tasks import default_task


class Station(Protocol):
    """An arm with its control loop, its limits, a camera and a task.

    Attributes:
        loop: control loop of the arm.
        limits: limits of the tool.
        camera: the task's camera; connected by `reset` or by the caller.
        sensors: buffer of the task's flat observation keys; started by `reset`.
    """

    loop: ServoLoop
    limits: Limits
    camera: Camera
    sensors: SensorBuffer

    def waypoints(self, actions: NDArray[np.floating[Any]], times_s: Sequence[float], base: Waypoint) -> list[Waypoint]:
        """Actions `(n, Da)` as waypoints; `base` is the goal one control period before the first."""
        ...

    def action(self, before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
        """The action `(Da,)` that leads from one goal to the next in one control period."""
        ...

    def picture(self) -> NDArray[np.uint8]:
        """The live view, `(H, W, 3)` RGB; raises OSError or ArmFaultError if the camera has stopped."""
        ...

    def pixels(self, places_m: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Columns and rows `(n, 2)` in `picture` of tool positions `(n, 3)`; None without a camera calibration."""
        ...

    def outcome(self) -> Mapping[str, Any]:
        """`is_success` and the task's score, now."""
        ...

    def mark_success(self) -> None:
        """The operator says that the task is solved."""
        ...


MEMBERS = (*Station.__annotations__, *(name for name in vars(Station) if not name.startswith("_")))


def default_task_of(driver: str) -> str:
    """Task of an arm where none is named; on a physical table the poses of objects are not known.

    Raises:
        TaskError: when no installed task is the default.
    """
    return default_task("simulated arm" if driver == "sim" else "physical arm")


def station_of(env: gym.Env[Any, Any]) -> Station:
    """The station behind an environment.

    Raises:
        ConfigError: if the environment is not that of an arm.
    """
    station: Any = env.unwrapped
    if missing := [name for name in MEMBERS if not hasattr(station, name)]:
        task = env.spec.id if env.spec is not None else type(station).__name__
        raise ConfigError(
            f"{task} is not a task for an arm (its environment lacks {', '.join(missing)}): "
            "`dpbench arm` needs the task of an arm; `dpbench tasks` lists all."
        )
    found: Station = station
    return found


BLANK_PICTURE = np.full((240, 320, 3), 64, dtype=np.uint8)


def picture_of(station: Station, is_shown: bool = True) -> NDArray[np.uint8]:
    """The live view; a blank picture if nobody sees it, or if the camera has stopped.

    With a stopped camera the operator must still see the text that says why.
    """
    try:
        return station.picture() if is_shown else BLANK_PICTURE
    except (ArmFaultError, OSError):
        return BLANK_PICTURE
