"""The interface of arms and cameras: two small protocols and the values that they exchange.

Times are seconds on the host's monotonic clock (`time.monotonic`); the driver stamps a value when it is measured. Poses
are those of the tool in the arm's base frame: position in m, orientation as a unit quaternion x, y, z, w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ActionError

Vector = NDArray[np.float64]
MAX_AHEAD_S = 60.0
"""A sample further in the future than this comes from another clock, such as `time.time`. It would never be stale."""
WRONG_CLOCK = "its driver must stamp it with time.monotonic()"


@dataclass(frozen=True)
class ArmSpec:
    """What is known about an arm before it is connected.

    Attributes:
        name: of the driver.
        n_joints: joints of the arm.
        rate_hz: rate at which it takes commands.
        gripper_m: opening of the gripper when fully open, 0 without a gripper.
    """

    name: str
    n_joints: int
    rate_hz: float
    gripper_m: float


@dataclass(frozen=True)
class ArmState:
    """A measured state of an arm.

    Attributes:
        time_s: when it was measured.
        position: `(3,)` m.
        quaternion: `(4,)` x, y, z, w.
        joints: `(n_joints,)` rad.
        gripper_m: opening of the gripper.
        fault: why the arm stopped by itself, as the driver puts it, or None.
    """

    time_s: float
    position: Vector
    quaternion: Vector
    joints: Vector
    gripper_m: float
    fault: str | None = None


@dataclass(frozen=True)
class Waypoint:
    """Where the tool should be at a time.

    Attributes:
        time_s: when it is due.
        position: `(3,)` m.
        quaternion: `(4,)` x, y, z, w, unit length.
        gripper_m: opening of the gripper.
    """

    time_s: float
    position: Vector
    quaternion: Vector
    gripper_m: float


class ArmDriver(Protocol):
    """An arm that follows time-stamped waypoints within limits; `dpbench.arms.control.loop.ServoLoop` is one."""

    @property
    def spec(self) -> ArmSpec:
        """Readable without a connection."""
        ...

    def connect(self) -> None:
        """Open the connection; raises ConfigError with advice if it fails."""
        ...

    def read(self) -> ArmState:
        """The newest measured state; does not wait for a new one."""
        ...

    def schedule(self, waypoints: Sequence[Waypoint]) -> tuple[Waypoint, ...]:
        """Replace all waypoints that are still to come.

        Returns:
            The waypoints as accepted: without past ones, and moved into the workspace.
        """
        ...

    def stop(self) -> None:
        """Brake and hold, now."""
        ...

    def close(self) -> None:
        """Stop and close the connection; can be called twice."""
        ...


@dataclass(frozen=True)
class Frame:
    """A camera picture, `(H, W, 3)` uint8 RGB, and when it was taken."""

    time_s: float
    picture: NDArray[np.uint8]


class Camera(Protocol):
    """A camera."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width, readable without a connection."""
        ...

    def connect(self) -> None:
        """Open it; raises ConfigError with advice if it fails."""
        ...

    def read(self) -> Frame:
        """The newest picture; does not wait for a new one."""
        ...

    def close(self) -> None:
        """Close it; can be called twice."""
        ...


def check_waypoint(waypoint: Waypoint) -> Waypoint:
    """The waypoint with a unit quaternion.

    Raises:
        ActionError: for wrong shapes, NaN or infinity, or a zero quaternion.
    """
    position, quaternion = (np.asarray(value, dtype=np.float64) for value in (waypoint.position, waypoint.quaternion))
    if position.shape != (3,) or quaternion.shape != (4,):
        raise ActionError(
            f"waypoint with position of shape {position.shape} and quaternion of shape {quaternion.shape}: "
            "expected (3,) m and (4,) x, y, z, w."
        )
    numbers = np.concatenate([[waypoint.time_s, waypoint.gripper_m], position, quaternion])
    length = float(np.linalg.norm(quaternion))
    if not np.isfinite(numbers).all() or not 1e-6 < length < 1e6:
        raise ActionError(f"waypoint {waypoint}: expected finite numbers and a quaternion that is not zero.")
    return Waypoint(float(waypoint.time_s), position, quaternion / length, float(waypoint.gripper_m))
