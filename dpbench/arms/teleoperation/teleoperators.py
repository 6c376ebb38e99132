"""What a person wants of the arm's tool now, by the keyboard or by a SpaceMouse, and where its goal goes by that."""

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
"""Key -> shares of the speed along x, y, z, of the turn about x, y, z, and of the gripper's speed."""
MOST_REPORTS = 256
"""Reports of a SpaceMouse that are read at once: two seconds of them."""


@dataclass(frozen=True)
class Twist:
    """How the tool should move now, in the arm's base frame.

    Attributes:
        velocity: `(3,)` m/s.
        turn: angular velocity `(3,)` rad/s.
        gripper_m_s: speed at which the gripper opens.
    """

    velocity: Vector
    turn: Vector
    gripper_m_s: float


class Teleoperator(Protocol):
    """A person at a device.

    Attributes:
        help: what moves what, in one line.
    """

    help: str

    def reset(self) -> None:
        """Forget what was pressed before, at the start of an episode."""
        ...

    def twist(self, pressed: Sequence[str]) -> Twist:
        """What the person wants now.

        Args:
            pressed: names of the keys pressed since the last call; see `dpbench.arms.teleoperation.keys`.
        """
        ...

    def close(self) -> None:
        """Let go of the device; can be called twice."""
        ...


@dataclass(frozen=True)
class Speeds:
    """How fast an operator moves the tool at most along and about an axis: m/s, rad/s, and m/s of the gripper."""

    speed_m_s: float
    turn_rad_s: float
    gripper_m_s: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) and value > 0 for value in (self.speed_m_s, self.turn_rad_s, self.gripper_m_s)):
            raise ConfigError(f"{self}: expected speeds above 0.")

    def twist(self, shares: ArrayLike) -> Twist:
        """The twist of seven shares of these speeds, as in `DIRECTIONS`."""
        values = np.asarray(shares, dtype=np.float64)
        return Twist(values[:3] * self.speed_m_s, values[3:6] * self.turn_rad_s, float(values[6] * self.gripper_m_s))


class KeyboardTeleop:
    """The keys of `DIRECTIONS`; several at once add up.

    A terminal says when a key is pressed or repeated, never when it is let go, so that each press moves for a while.

    Args:
        speed_m_s: of the tool.
        turn_rad_s: of the tool.
        hold_s: how long a key moves after its last repeat; terminals repeat some 30 times a second, after half a
            second.
        gripper_m_s: of the gripper.
        clock: of the host.

    Raises:
        ConfigError: for speeds or a time that are not above 0.
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
        """See `Operator`."""
        self._last_s.clear()

    def twist(self, pressed: Sequence[str]) -> Twist:
        """See `Operator`; the emergency stop ends every motion."""
        now = self._clock()
        self._last_s |= {key: now for key in pressed if key in DIRECTIONS}
        if STOP in pressed:
            self.reset()
        held = [DIRECTIONS[key] for key, last_s in self._last_s.items() if now - last_s <= self._hold_s]
        return self._speeds.twist(np.sum(held, axis=0) if held else np.zeros(7))

    def close(self) -> None:
        """Nothing to let go of."""


class SpaceMouseTeleop:
    """A SpaceMouse of 3Dconnexion, over the library pyspacemouse (seen in 2.1.0).

    It lies before the person, who looks along the arm's x: to push the cap away moves along +x, to the left along +y,
    to pull it up along +z; to tilt or turn it turns the tool about the same axes (right-handed). Its first button
    closes the gripper, its second one opens it.

    Args:
        speed_m_s: of the tool, with the cap at its end along an axis.
        turn_rad_s: of the tool.
        gripper_m_s: of the gripper.
        dead_zone: share of the cap's way that does nothing, 0 to below 1: a hand that pushes also tilts a little.

    Raises:
        MissingExtraError: without the library.
        ConfigError: without a SpaceMouse or the right to read it, or for a value that cannot be.
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
            raise ConfigError(f"dead_zone = {dead_zone}: expected a share from 0 to below 1.")
        self._speeds, self._dead_zone = Speeds(speed_m_s, turn_rad_s, gripper_m_s), dead_zone
        self._device: Any = _open_space_mouse()

    def reset(self) -> None:
        """Read away what was reported before."""
        self._read()

    def twist(self, pressed: Sequence[str]) -> Twist:  # noqa: ARG002  # of the keyboard
        """See `Operator`.

        Raises:
            ArmFaultError: when the SpaceMouse was unplugged.
        """
        state = self._read()
        axes = np.array([state.x, state.y, state.z, state.roll, state.pitch, state.yaw], dtype=np.float64)
        # Continuous at the edge of the dead zone, and 1 at the end of the way.
        shares = np.sign(axes) * np.clip((np.abs(axes) - self._dead_zone) / (1.0 - self._dead_zone), 0.0, 1.0)
        closes, opens = (bool(value) for value in (*state.buttons, 0, 0)[:2])
        return self._speeds.twist([*shares, float(opens) - float(closes)])

    def close(self) -> None:
        """See `Operator`."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _read(self) -> Any:
        """The newest state: a call of the library takes one report, and some hundred come in a second."""
        if self._device is None:
            raise ArmFaultError("the SpaceMouse is closed: open a new one.")
        try:
            state = self._device.read()
            for _ in range(MOST_REPORTS):
                before_s = state.t
                state = self._device.read()
                if state.t == before_s:
                    break
        except Exception as error:  # easyhid's HIDException has no better base class
            raise ArmFaultError(
                f"the SpaceMouse does not answer any more ({error}): plug it in, and start anew."
            ) from (error)
        return state


def moved(
    goal: Waypoint, twist: Twist, dt_s: float, low: ArrayLike, high: ArrayLike, gripper_m: float = math.inf
) -> Waypoint:
    """Where a goal goes by a twist.

    Args:
        goal: the last one.
        twist: what is wanted.
        dt_s: for how long.
        low: lower corner of the workspace, `(3,)` m; the goal stays inside.
        high: upper corner.
        gripper_m: widest opening of the gripper.

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
        raise ConfigError(f"a SpaceMouse needs the system's hidapi ({error}): install libhidapi.") from error
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints the name of what it found
            return library.open(axis_convention=library.AxisConvention.ROS)
    except Exception as error:  # RuntimeError, OSError or easyhid's HIDException, which has no better base class
        raise ConfigError(
            f"no SpaceMouse can be opened ({error}): plug one in, install libhidapi, and give yourself the right to "
            "read it (on Linux a udev rule for hidraw; see pyspacemouse's README)."
        ) from error
