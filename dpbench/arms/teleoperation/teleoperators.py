"""Teleoperation devices, keyboard and SpaceMouse: which velocity of the tool the operator commands."""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from dpbench.arms.driver import Vector, Waypoint
from dpbench.arms.teleoperation.keys import STOP
from dpbench.errors import ArmFaultError, ConfigError, MissingExtraError
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, quat_from_matrix

DIRECTIONS: dict[str, tuple[float, ...]] = {
    "up": (1, 0, 0, 0, 0, 0, 0),
    "down": (-1, 0, 0, 0, 0, 0, 0),
    "left": (0, 1, 0, 0, 0, 0, 0),
    "right": (0, -1, 0, 0, 0, 0, 0),
    "u": (0, 0, 1, 0, 0, 0, 0),
    "j": (0, 0, -1, 0, 0, 0, 0),
    "o": (0, 0, 0, 1, 0, 0, 0),
    "l": (0, 0, 0, -1, 0, 0, 0),
    "i": (0, 0, 0, 0, 1, 0, 0),
    "k": (0, 0, 0, 0, -1, 0, 0),
    "n": (0, 0, 0, 0, 0, 1, 0),
    "b": (0, 0, 0, 0, 0, -1, 0),
    "]": (0, 0, 0, 0, 0, 0, 1),
    "[": (0, 0, 0, 0, 0, 0, -1),
}
"""Key -> direction along x, y, z, about x, y, z, and of the gripper."""
MAX_REPORTS = 256
"""Reports of a SpaceMouse that are read in one go: two seconds of them."""


@dataclass(frozen=True)
class Twist:
    """A commanded velocity of the tool, in the arm's base frame.

    Attributes:
        velocity: `(3,)` m/s.
        turn: angular velocity `(3,)` rad/s.
        gripper_m_s: opening speed of the gripper.
    """

    velocity: Vector
    turn: Vector
    gripper_m_s: float


class Teleoperator(Protocol):
    """A device with which a person moves the tool.

    Attributes:
        help: what moves what, in one line.
    """

    help: str

    def reset(self) -> None:
        """Forget earlier input, at the start of an episode."""
        ...

    def twist(self, pressed: Sequence[str]) -> Twist:
        """The velocity commanded now.

        Args:
            pressed: names of the keys pressed since the last call; see `dpbench.arms.teleoperation.keys`.
        """
        ...

    def close(self) -> None:
        """Close the device; can be called twice."""
        ...


@dataclass(frozen=True)
class Speeds:
    """Maximum speeds of the tool along an axis (m/s) and about an axis (rad/s), and of the gripper (m/s)."""

    speed_m_s: float
    turn_rad_s: float
    gripper_m_s: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) and value > 0 for value in (self.speed_m_s, self.turn_rad_s, self.gripper_m_s)):
            raise ConfigError(f"{self}: expected speeds above 0.")

    def twist(self, deflection: ArrayLike) -> Twist:
        """The twist for a deflection `(7,)`: fractions of these speeds, in the order of `DIRECTIONS`."""
        values = np.asarray(deflection, dtype=np.float64)
        return Twist(values[:3] * self.speed_m_s, values[3:6] * self.turn_rad_s, float(values[6] * self.gripper_m_s))


class KeyboardTeleop:
    """The keys in `DIRECTIONS`; several at once add up.

    A terminal reports when a key is pressed or repeated, but not when it is released. Each press therefore moves the
    tool for a while.

    Args:
        speed_m_s: speed of the tool.
        turn_rad_s: angular speed of the tool.
        hold_s: how long the tool moves after the last repeat of a key. Terminals repeat a key about 30 times a second,
            after an initial half second.
        gripper_m_s: speed of the gripper.
        clock: of the host.

    Raises:
        ConfigError: unless the speeds and the time are above 0.
    """

    help = "arrows x, y · u j up, down · i k and o l tilt · n b turn · ] [ open, close the gripper"

    def __init__(
        self,
        speed_m_s: float = 0.1,
        turn_rad_s: float = 0.4,
        hold_s: float = 0.25,
        gripper_m_s: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not hold_s > 0:
            raise ConfigError(f"hold_s = {hold_s}: expected a time above 0 s.")
        self._speeds, self._hold_s, self._clock = Speeds(speed_m_s, turn_rad_s, gripper_m_s), hold_s, clock
        self._last_s: dict[str, float] = {}

    def reset(self) -> None:
        """See `Teleoperator`."""
        self._last_s.clear()

    def twist(self, pressed: Sequence[str]) -> Twist:
        """See `Teleoperator`; the stop key ends every motion."""
        now = self._clock()
        self._last_s |= {key: now for key in pressed if key in DIRECTIONS}
        if STOP in pressed:
            self.reset()
        held = [DIRECTIONS[key] for key, last_s in self._last_s.items() if now - last_s <= self._hold_s]
        return self._speeds.twist(np.sum(held, axis=0) if held else np.zeros(7))

    def close(self) -> None:
        """There is nothing to close."""


class SpaceMouseTeleop:
    """A SpaceMouse by 3Dconnexion, over the library pyspacemouse (tested with 2.1.0).

    The operator looks along the arm's x axis. Pushing the cap away moves the tool along +x, pushing it to the left
    along +y, pulling it up along +z. Tilting or turning the cap turns the tool about the same axes (right-handed). The
    first button closes the gripper, the second one opens it.

    Args:
        speed_m_s: speed of the tool with the cap fully deflected along an axis.
        turn_rad_s: angular speed with the cap fully tilted.
        gripper_m_s: speed of the gripper.
        dead_zone: fraction of the deflection that is ignored, from 0 to below 1: a hand that pushes also tilts a
            little.

    Raises:
        MissingExtraError: without the library.
        ConfigError: without a SpaceMouse or the permission to read it, or for an invalid value.
    """

    help = "first button closes the gripper, second opens it"

    def __init__(
        self,
        speed_m_s: float = 0.15,
        turn_rad_s: float = 0.5,
        gripper_m_s: float = 0.1,
        dead_zone: float = 0.1,
    ) -> None:
        if not 0 <= dead_zone < 1:
            raise ConfigError(f"dead_zone = {dead_zone}: expected a fraction from 0 to below 1.")
        self._speeds, self._dead_zone = Speeds(speed_m_s, turn_rad_s, gripper_m_s), dead_zone
        self._device: Any = _open_space_mouse()

    def reset(self) -> None:
        """Discard earlier reports."""
        self._read()

    def twist(self, pressed: Sequence[str]) -> Twist:  # noqa: ARG002  # keys belong to the keyboard
        """See `Teleoperator`.

        Raises:
            ArmFaultError: if the SpaceMouse has been unplugged.
        """
        state = self._read()
        axes = np.array([state.x, state.y, state.z, state.roll, state.pitch, state.yaw], dtype=np.float64)
        # 0 at the edge of the dead zone, 1 at full deflection.
        deflection = np.sign(axes) * np.clip((np.abs(axes) - self._dead_zone) / (1.0 - self._dead_zone), 0.0, 1.0)
        closes, opens = (bool(value) for value in (*state.buttons, 0, 0)[:2])
        return self._speeds.twist([*deflection, float(opens) - float(closes)])

    def close(self) -> None:
        """See `Teleoperator`."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _read(self) -> Any:
        """The newest state. One call of the library reads one report, and several hundred arrive per second."""
        if self._device is None:
            raise ArmFaultError("the SpaceMouse is closed: open a new one.")
        try:
            state = self._device.read()
            for _ in range(MAX_REPORTS):
                before_s = state.t
                state = self._device.read()
                if state.t == before_s:
                    break
        except Exception as error:  # easyhid's HIDException has no more specific base class
            raise ArmFaultError(
                f"the SpaceMouse has stopped responding ({error}): plug it in again and restart."
            ) from (error)
        return state


def integrated(
    goal: Waypoint, twist: Twist, dt_s: float, low: ArrayLike, high: ArrayLike, gripper_m: float = math.inf
) -> Waypoint:
    """The goal after a twist has acted on it for a while.

    Args:
        goal: the last goal.
        twist: commanded velocity.
        dt_s: duration.
        low: lower corner of the workspace, `(3,)` m; the goal stays inside.
        high: upper corner.
        gripper_m: maximum opening of the gripper.

    Returns:
        The goal `dt_s` later.
    """
    turned = matrix_from_rotvec(twist.turn * dt_s) @ matrix_from_quat(goal.quaternion)
    return Waypoint(
        goal.time_s + dt_s,
        np.clip(goal.position + twist.velocity * dt_s, low, high),
        quat_from_matrix(turned),
        min(max(goal.gripper_m + twist.gripper_m_s * dt_s, 0.0), gripper_m),
    )


def _open_space_mouse() -> Any:
    try:
        library = importlib.import_module("pyspacemouse")
    except ImportError as error:
        raise MissingExtraError("a SpaceMouse needs pyspacemouse: pip install 'dpbench[spacemouse]'") from error
    except OSError as error:
        raise ConfigError(f"a SpaceMouse needs the system library hidapi ({error}): install libhidapi.") from error
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the library prints the name of the device
            return library.open(axis_convention=library.AxisConvention.ROS)
    except Exception as error:  # RuntimeError, OSError or easyhid's HIDException, which has no specific base class
        raise ConfigError(
            f"no SpaceMouse can be opened ({error}): plug one in, install libhidapi, and give your user permission to "
            "read it (on Linux a udev rule for hidraw; see pyspacemouse's README)."
        ) from error
