"""What an arm and a camera are to dpbench: two small protocols and the values that pass through them.

Times are seconds of the host's monotonic clock (`time.monotonic`), stamped by the driver when a value was measured.
Poses are those of the tool in the arm's base frame: place in m, orientation as a unit quaternion x, y, z, w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ActionError

Vector = NDArray[np.float64]
AHEAD_S = 60.0
"""A sample so far in the future was stamped by another clock, such as `time.time`: it would never be stale."""
WRONG_CLOCK = "its driver must stamp it with time.monotonic()"


@dataclass(frozen=True)
class ArmSpec:
    """What is known of an arm without a connection.

    Attributes:
        name: of the driver.
        n_joints: joints of the arm.
        rate_hz: rate at which it takes commands.
        gripper_m: width between the fingers when open, 0 without a gripper.
    """

    name: str
    n_joints: int
    rate_hz: float
    gripper_m: float


@dataclass(frozen=True)
class ArmState:
    """What an arm measured.

    Attributes:
        time_s: when.
        position: `(3,)` m.
        quaternion: `(4,)` x, y, z, w.
        joints: `(n_joints,)` rad.
        gripper_m: width between the fingers.
        fault: why the arm stopped by itself, in the driver's words, or None.
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
        time_s: when.
        position: `(3,)` m.
        quaternion: `(4,)` x, y, z, w, unit.
        gripper_m: width between the fingers.
    """

    time_s: float
    position: Vector
    quaternion: Vector
    gripper_m: float


class ArmDriver(Protocol):
    """An arm. Every driver passes its commands through `dpbench.arms.control.safety`."""

    @property
    def spec(self) -> ArmSpec:
        """Readable without a connection."""
        ...

    def connect(self) -> None:
        """Open the connection; raises ConfigError with advice when it fails."""
        ...

    def read(self) -> ArmState:
        """The newest measured state; never waits for the next."""
        ...

    def schedule(self, waypoints: Sequence[Waypoint]) -> tuple[Waypoint, ...]:
        """Take waypoints in place of all later ones.

        Returns:
            The waypoints as accepted: past ones dropped, the others within the limits.
        """
        ...

    def stop(self) -> None:
        """Brake and hold, now."""
        ...

    def close(self) -> None:
        """Stop and let go of the connection; can be called twice."""
        ...


@dataclass(frozen=True)
class Frame:
    """A picture and when it was taken: `(H, W, 3)` uint8 RGB."""

    time_s: float
    picture: NDArray[np.uint8]


class Camera(Protocol):
    """A camera."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width, readable without a connection."""
        ...

    def connect(self) -> None:
        """Open it; raises ConfigError with advice when it fails."""
        ...

    def read(self) -> Frame:
        """The newest picture; never waits for the next."""
        ...

    def close(self) -> None:
        """Let go of it; can be called twice."""
        ...


def check_waypoint(waypoint: Waypoint) -> Waypoint:
    """The waypoint with a unit quaternion.

    Raises:
        ActionError: for wrong shapes, NaN or infinite numbers, or a quaternion of length 0.
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
