"""What the environment of an arm offers beside Gymnasium's methods, so that people can work with it.

`dpbench arm` finds it as `env.unwrapped`; any task with these members can be checked, recorded and run.
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
from dpbench.arms.observation_buffer import ObservationBuffer
from dpbench.errors import ArmFaultError, ConfigError


class Station(Protocol):
    """An arm in its place, with a camera and a task.

    Attributes:
        loop: the arm.
        limits: what it may do.
        camera: that the task sees; connected by `reset` or by hand.
        observer: of the task's flat observation keys; started by `reset`.
    """

    loop: ServoLoop
    limits: Limits
    camera: Camera
    observation_buffer: ObservationBuffer

    def waypoints(self, actions: NDArray[np.floating[Any]], times_s: Sequence[float], base: Waypoint) -> list[Waypoint]:
        """Actions `(n, Da)` as goals of the tool; `base` is the goal one period before the first."""
        ...

    def action(self, before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
        """The action `(Da,)` that leads from one goal to the next over one control period."""
        ...

    def picture(self) -> NDArray[np.uint8]:
        """What a person looks at, `(H, W, 3)` RGB; raises OSError or ArmFaultError when the camera has stopped."""
        ...

    def pixels(self, places_m: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Columns and rows `(n, 2)` in `picture` of places `(n, 3)` of the tool; None where the view is unknown."""
        ...

    def outcome(self) -> Mapping[str, Any]:
        """`is_success` and the task's score, now."""
        ...

    def mark_success(self) -> None:
        """A person says that the task is solved."""
        ...


MEMBERS = (
    *("loop", "limits", "camera", "observer"),
    *("waypoints", "action", "picture", "pixels", "outcome", "mark_success"),
)
"""Of a `Station`."""


def station_of(env: gym.Env[Any, Any]) -> Station:
    """The station behind an environment.

    Raises:
        ConfigError: when it is none.
    """
    station: Any = env.unwrapped
    if lacking := [name for name in MEMBERS if not hasattr(station, name)]:
        task = env.spec.id if env.spec is not None else type(station).__name__
        raise ConfigError(
            f"{task} is no arm (it lacks {', '.join(lacking)}): choose a task such as dpbench/RealArm-v0."
        )
    found: Station = station
    return found


NO_PICTURE = np.full((240, 320, 3), 64, dtype=np.uint8)


def picture_of(station: Station) -> NDArray[np.uint8]:
    """The station's picture, or a grey one: where the camera has stopped a person must still see why."""
    try:
        return station.picture()
    except (ArmFaultError, OSError):
        return NO_PICTURE
