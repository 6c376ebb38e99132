"""The embedded default of a real arm: its twin in MuJoCo, which measures late, loses messages and fails on demand."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, fields, replace

import numpy as np

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ArmFaultError, ConfigError

from ..channel import Faults
from ..controller import FAULTS, Kind, as_numbers
from ..scene import N_JOINTS, RATE_HZ
from ..twin_link import InProcessTwin, Station
from ..twin_process import TwinProcess

LARGEST_SEED = 2**53
"""Beyond it the doubles that messages are made of leave numbers out."""


@dataclass(frozen=True)
class Scene:
    """What lies on the table, and where the rod is: the truth, whatever becomes of messages.

    Attributes:
        time_s: when, in the clock of the states.
        n_ticks: of the twin since it was started.
        tip: x, y of the rod's tip, m.
        block: x, y (m), yaw (rad).
        target: x, y, m.
        is_success: whether the block's centre is within 4 cm of the target's.
    """

    time_s: float
    n_ticks: int
    tip: tuple[float, float]
    block: tuple[float, float, float]
    target: tuple[float, float]
    is_success: bool


class SimServo:
    """A `dpbench.arms.control.servo.Servo` over the twin.

    Args:
        latency_s: of every message, either way.
        jitter_s: up to so much more, drawn evenly.
        drop_share: share of the messages that are lost.
        reorder_share: share of the messages that come behind their next one.
        seed: of the scene and of chance on the link; below 2^53.
        real_time: True gives the twin a process and a clock of its own; False moves it one tick a `send`.

    Raises:
        ConfigError: for a value that cannot be.
    """

    spec = ArmSpec("sim", N_JOINTS, RATE_HZ, gripper_m=0.0)

    def __init__(
        self,
        latency_s: float = 0.0,
        jitter_s: float = 0.0,
        drop_share: float = 0.0,
        reorder_share: float = 0.0,
        seed: int = 0,
        real_time: bool = True,
    ) -> None:
        self._link = self._faults = Faults(latency_s, jitter_s, drop_share, reorder_share)
        self._seed, self._real_time = _checked(seed), real_time
        self._station: Station | None = None
        self._is_free = False

    @property
    def pid(self) -> int | None:
        """Of the twin's process, None without one."""
        return None if self._station is None else self._station.pid

    def clock(self) -> float:
        """What states are stamped with: the host's monotonic clock, or the twin's own time unless it is real."""
        return time.monotonic() if self._real_time or self._station is None else self._station.clock()

    def connect(self) -> None:
        """Start the twin, or end the protective stop of one that runs.

        Raises:
            ConfigError: when it does not start, or a test has cut its link.
        """
        if self._faults.disconnected:
            raise ConfigError("the link to the simulated arm is cut: call fault(disconnected=False).")
        if self._station is not None and self._station.alive:
            self._faults = replace(self._faults, protective_stop=False)
            self._station.ask(Kind.UNLOCK)
            return
        self.close()
        self._faults = self._link
        self._station = (TwinProcess if self._real_time else InProcessTwin)(self._faults, self._seed)

    def read(self) -> ArmState:
        """The newest state that has come through the link.

        Raises:
            ConnectionError: when the twin is gone or the link is cut.
        """
        numbers = self._linked().state()
        place, quaternion, joints = np.split(np.array(numbers[1:-1]), (3, 7))
        return ArmState(numbers[0], place, quaternion, joints, 0.0, FAULTS[int(numbers[-1])] or None)

    def send(self, waypoint: Waypoint) -> None:
        """Go there in one tick.

        Raises:
            ConnectionError: when the twin is gone or the link is cut.
        """
        self._linked().post(Kind.POSE, *waypoint.position.tolist(), *waypoint.quaternion.tolist())

    def free_drive(self, on: bool) -> None:
        """Let the arm be moved by `hand`: the twin has no hands of its own, and holds meanwhile."""
        self._is_free = on

    def hand(self, waypoint: Waypoint) -> None:
        """Lead the arm there, as a person's hand does in free drive.

        Raises:
            ArmFaultError: unless it is in free drive.
            ConnectionError: when the twin is gone or the link is cut.
        """
        if not self._is_free:
            raise ArmFaultError("the simulated arm is not in free drive: call free_drive(True) first.")
        self.send(waypoint)

    def stop(self) -> None:
        """Hold, now; where the link is gone the twin's own watchdog sees to it."""
        with contextlib.suppress(ArmFaultError, ConnectionError):
            self._linked().post(Kind.STOP)

    def close(self) -> None:
        """End the twin; can be called twice."""
        if self._station is not None:
            self._station.close()
            self._station = None
        self._faults = replace(self._faults, disconnected=False)

    def fault(self, **changes: float) -> None:
        """Make things go wrong, or right again: any fields of `channel.Faults`; the others stay as they are.

        Raises:
            ConfigError: for an unknown name or a value that cannot be.
        """
        known = {field.name for field in fields(Faults)}
        if unknown := sorted(set(changes) - known):
            raise ConfigError(f"fault {', '.join(unknown)} is unknown; known are {', '.join(sorted(known))}.")
        faults = replace(self._faults, **changes)
        with contextlib.suppress(ConnectionError) if faults.crash else contextlib.nullcontext():
            self._connected().ask(Kind.FAULTS, *as_numbers(faults))
        self._faults = replace(faults, crash=False)

    def scene(self) -> Scene:
        """What is on the table now.

        Raises:
            ConnectionError: when the twin is gone.
        """
        time_s, n_ticks, _, tip_x, tip_y, x, y, yaw, target_x, target_y, success = self._connected().scene()
        return Scene(time_s, int(n_ticks), (tip_x, tip_y), (x, y, yaw), (target_x, target_y), bool(success))

    def reset(self, seed: int) -> Scene:
        """Put the arm at home at once, and draw new places for block and target.

        To be called by way of `ServoLoop.moved_by`, or followed by its `reset_fault`. Unless time is real it starts
        anew.

        Raises:
            ConnectionError: when the twin is gone.
        """
        self._connected().ask(Kind.RESET, _checked(seed))
        return self.scene()

    def _connected(self) -> Station:
        if self._station is None:
            raise ArmFaultError("the simulated arm is not connected: call connect() first.")
        return self._station

    def _linked(self) -> Station:
        if self._faults.disconnected:
            raise ConnectionError("the link to the simulated arm is cut")
        return self._connected()


def _checked(seed: int) -> int:
    if not 0 <= seed < LARGEST_SEED:
        raise ConfigError(f"seed {seed}: expected a whole number from 0 to below 2^53.")
    return seed
