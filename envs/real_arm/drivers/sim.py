"""The digital twin as a driver, with faults that can be injected: late and lost messages, stops, crashes."""

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
from ..twin_link import InProcessTwin, TwinLink
from ..twin_process import TwinProcess

LARGEST_SEED = 2**53
"""Messages are doubles, which hold integers exactly up to this."""


@dataclass(frozen=True)
class Scene:
    """The true scene, whatever happens to messages.

    Attributes:
        time_s: on the clock of the states.
        n_ticks: number of ticks since the twin was started.
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
        latency_s: delay of every message, in both directions.
        jitter_s: additional delay, drawn uniformly from 0 to this.
        drop_share: fraction of messages that are lost.
        reorder_share: fraction of messages that arrive after the next one.
        seed: of the scene and of the link's random faults; below 2^53.
        real_time: True runs the twin in a process and on a clock of its own; False moves it one tick per `send`.

    Raises:
        ConfigError: for an invalid value.
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
        self._twin: TwinLink | None = None
        self._is_free = False

    @property
    def pid(self) -> int | None:
        """Id of the twin's process, None without one."""
        return None if self._twin is None else self._twin.pid

    def clock(self) -> float:
        """The clock of the time stamps: the host's monotonic one in real time, otherwise the twin's own time."""
        return time.monotonic() if self._real_time or self._twin is None else self._twin.clock()

    def connect(self) -> None:
        """Start the twin; if it is running, end its protective stop.

        Raises:
            ConfigError: if it does not start, or its link has been cut.
        """
        if self._faults.disconnected:
            raise ConfigError("the link to the simulated arm is cut: call fault(disconnected=False).")
        if self._twin is not None and self._twin.alive:
            self._faults = replace(self._faults, protective_stop=False)
            self._twin.ask(Kind.UNLOCK)
            return
        self.close()
        self._faults = self._link
        self._twin = (TwinProcess if self._real_time else InProcessTwin)(self._faults, self._seed)

    def read(self) -> ArmState:
        """The newest state that has arrived over the link.

        Raises:
            ConnectionError: if the twin has ended or the link is cut.
        """
        numbers = self._linked().state()
        place, quaternion, joints = np.split(np.array(numbers[1:-1]), (3, 7))
        return ArmState(numbers[0], place, quaternion, joints, 0.0, FAULTS[int(numbers[-1])] or None)

    def send(self, waypoint: Waypoint) -> None:
        """Go to a pose within one tick.

        Raises:
            ConnectionError: if the twin has ended or the link is cut.
        """
        self._linked().post(Kind.POSE, *waypoint.position.tolist(), *waypoint.quaternion.tolist())

    def free_drive(self, on: bool) -> None:
        """Let `hand` move the arm; it holds in between."""
        self._is_free = on

    def hand(self, waypoint: Waypoint) -> None:
        """Move the arm to a pose, as a person's hand does in free drive.

        Raises:
            ArmFaultError: unless it is in free drive.
            ConnectionError: if the twin has ended or the link is cut.
        """
        if not self._is_free:
            raise ArmFaultError("the simulated arm is not in free drive: call free_drive(True) first.")
        self.send(waypoint)

    def stop(self) -> None:
        """Hold, now; if the link is cut, the twin's own watchdog holds it."""
        with contextlib.suppress(ArmFaultError, ConnectionError):
            self._linked().post(Kind.STOP)

    def close(self) -> None:
        """End the twin; can be called twice."""
        if self._twin is not None:
            self._twin.close()
            self._twin = None
        self._faults = replace(self._faults, disconnected=False)

    def fault(self, **changes: float) -> None:
        """Inject or clear faults: any fields of `channel.Faults`; the others stay as they are.

        Raises:
            ConfigError: for an unknown name or an invalid value.
        """
        known = {field.name for field in fields(Faults)}
        if unknown := sorted(set(changes) - known):
            raise ConfigError(f"unknown fault {', '.join(unknown)}; known faults are {', '.join(sorted(known))}.")
        faults = replace(self._faults, **changes)
        with contextlib.suppress(ConnectionError) if faults.crash else contextlib.nullcontext():
            self._connected().ask(Kind.FAULTS, *as_numbers(faults))
        self._faults = replace(faults, crash=False)

    def scene(self) -> Scene:
        """The scene now.

        Raises:
            ConnectionError: if the twin has ended.
        """
        time_s, n_ticks, _, tip_x, tip_y, x, y, yaw, target_x, target_y, success = self._connected().scene()
        return Scene(time_s, int(n_ticks), (tip_x, tip_y), (x, y, yaw), (target_x, target_y), bool(success))

    def reset(self, seed: int) -> Scene:
        """Put the arm at home at once, and draw new poses of block and target.

        Call it through `ServoLoop.moved_by`, or call `ServoLoop.reset_fault` afterwards. Without `real_time` the clock
        restarts at 0.

        Raises:
            ConnectionError: if the twin has ended.
        """
        self._connected().ask(Kind.RESET, _checked(seed))
        return self.scene()

    def _connected(self) -> TwinLink:
        if self._twin is None:
            raise ArmFaultError("the simulated arm is not connected: call connect() first.")
        return self._twin

    def _linked(self) -> TwinLink:
        if self._faults.disconnected:
            raise ConnectionError("the link to the simulated arm is cut")
        return self._connected()


def _checked(seed: int) -> int:
    if not 0 <= seed < LARGEST_SEED:
        raise ConfigError(f"seed {seed}: expected a whole number from 0 to below 2^53.")
    return seed
