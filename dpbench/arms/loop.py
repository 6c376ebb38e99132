"""The control loop of an arm: a thread that sends one limited command every servo tick, whatever the policy does.

A driver writes a `Servo`: connect, read, send one pose, stop, close. `ServoLoop` makes an `ArmDriver` of it: it follows
the scheduled waypoints, passes every command through `safety.step`, brakes when no fresh command comes, and latches
faults until a person resets them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dpbench.arms.driver import ArmSpec, ArmState, Waypoint, check_waypoint
from dpbench.arms.safety import Limits, Motion, inside, step
from dpbench.arms.trajectory import Trajectory
from dpbench.errors import ArmFaultError

LATE = 1.5
"""A tick that comes after so many periods has missed its deadline."""


class Servo(Protocol):
    """What a driver writes; called from one thread only, but for `spec`."""

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

    def send(self, waypoint: Waypoint) -> None:
        """Go there in one servo period."""
        ...

    def stop(self) -> None:
        """Brake and hold, by the arm's own means."""
        ...

    def close(self) -> None:
        """Let go of the connection; can be called twice."""
        ...


@dataclass
class LoopReport:
    """What the loop has done since it was connected.

    Attributes:
        n_ticks: commands sent.
        n_late: ticks that missed their deadline.
        n_held: ticks at which no fresh waypoint was there and the arm braked or held.
        intervals_s: time between ticks.
    """

    n_ticks: int = 0
    n_late: int = 0
    n_held: int = 0
    intervals_s: list[float] = field(default_factory=list)

    def percentiles_s(self) -> dict[str, float]:
        """p50, p95 and p99 of the time between ticks."""
        values = np.percentile(self.intervals_s or [0.0], (50, 95, 99)).tolist()
        return dict(zip(("p50", "p95", "p99"), values, strict=True))


class ServoLoop:
    """An `ArmDriver` over a `Servo`.

    Args:
        servo: the arm.
        limits: what it may do.
        watchdog_s: without a fresh call of `schedule` for so long the arm brakes and holds.
        stale_s: a measured state older than this is a fault.
        clock: the host's monotonic clock.
    """

    def __init__(
        self,
        servo: Servo,
        limits: Limits,
        watchdog_s: float = 0.5,
        stale_s: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servo, self._limits, self._clock = servo, limits, clock
        self._watchdog_s, self._stale_s = watchdog_s, stale_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
        self._motion: Motion | None = None
        self._trajectory: Trajectory | None = None
        self._state: ArmState | None = None
        self._fresh_s = self._ticked_s = 0.0
        self.fault: str | None = None
        self.report = LoopReport()

    @property
    def spec(self) -> ArmSpec:
        """The servo's."""
        return self._servo.spec

    def connect(self) -> None:
        """Connect, take the arm's present pose as the first command, and start the thread."""
        self.begin()
        self._running.set()
        self._thread = threading.Thread(target=self._run, name=f"servo loop of {self.spec.name}", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Connect without a thread; `tick` is the caller's then."""
        self._servo.connect()
        state, now = self._servo.read(), self._clock()
        here = Waypoint(now, state.position, state.quaternion, state.gripper_m)
        self._state, self._motion = state, inside(Motion.at_rest(check_waypoint(here)), self._limits)
        self._fresh_s = self._ticked_s = now
        self.report = LoopReport()

    def read(self) -> ArmState:
        """The state as of the last tick.

        Raises:
            ArmFaultError: before `connect`.
        """
        if self._state is None:
            raise ArmFaultError(f"{self.spec.name} is not connected: call connect() first.")
        return self._state

    def schedule(self, waypoints: Sequence[Waypoint]) -> tuple[Waypoint, ...]:
        """Take waypoints in place of all later ones; see `ArmDriver`.

        Raises:
            ActionError: for a waypoint of wrong shape or with NaN; nothing of the call is taken.
            ArmFaultError: while a fault is latched.
        """
        checked = [check_waypoint(waypoint) for waypoint in waypoints]
        with self._lock:
            if self.fault is not None:
                raise ArmFaultError(f"{self.spec.name} has stopped: {self.fault}; call reset_fault() when it is safe.")
            if self._motion is None:
                raise ArmFaultError(f"{self.spec.name} is not connected: call connect() first.")
            now = self._clock()
            accepted = [self._clipped(waypoint) for waypoint in checked if waypoint.time_s > now]
            path = self._trajectory or Trajectory((self._motion.waypoint,))
            self._trajectory = path.replaced(now, accepted)
            self._fresh_s = now
            return tuple(accepted)

    def stop(self) -> None:
        """Brake along the limits and hold; later waypoints are forgotten."""
        with self._lock:
            self._trajectory = None

    def reset_fault(self) -> None:
        """Take up work again after a fault, from where the arm is now."""
        with self._lock:
            self._trajectory = None
            self.begin()
            self.fault = None  # last: without a connection the fault stays

    def close(self) -> None:
        """Stop the thread and let go of the arm."""
        self._running.clear()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None
        with contextlib.suppress(OSError):
            self._servo.stop()
        self._servo.close()

    def tick(self) -> None:
        """Read, limit and send one command; called once a servo period."""
        with self._lock:
            if self.fault is not None or self._motion is None:
                return
            now = self._clock()
            dt_s = 1.0 / self.spec.rate_hz
            interval = now - self._ticked_s
            self._ticked_s = now
            try:
                self._state = self._servo.read()
                self._check(self._state, now)
                wanted = self._wanted(now + dt_s)
                # The arm moves by the servo's clock: a late tick is one step, not a leap.
                self._motion = step(self._motion, wanted, dt_s, self._limits)
                self._servo.send(self._motion.waypoint)
            except (OSError, ArmFaultError) as error:
                self._latch(str(error))
                return
            self.report.n_ticks += 1
            self.report.n_late += interval > LATE * dt_s
            self.report.n_held += wanted is None
            self.report.intervals_s.append(interval)

    def _wanted(self, time_s: float) -> Waypoint | None:
        if self._trajectory is None or self._clock() - self._fresh_s > self._watchdog_s:
            return None
        return self._trajectory.at(time_s)

    def _check(self, state: ArmState, now: float) -> None:
        if state.fault is not None:
            raise ArmFaultError(state.fault)
        if now - state.time_s > self._stale_s:
            raise ArmFaultError(f"the last measured state is {now - state.time_s:.2f} s old")

    def _latch(self, reason: str) -> None:
        self.fault, self._trajectory = reason, None
        # Where the connection is the fault, the arm's own watchdog stops it.
        with contextlib.suppress(OSError):
            self._servo.stop()

    def _clipped(self, waypoint: Waypoint) -> Waypoint:
        place = np.clip(waypoint.position, self._limits.low, self._limits.high)
        width = min(max(waypoint.gripper_m, 0.0), self._limits.gripper_m)
        return Waypoint(waypoint.time_s, place, waypoint.quaternion, width)

    def _run(self) -> None:
        period, due = 1.0 / self.spec.rate_hz, time.monotonic()
        while self._running.is_set():
            self.tick()
            due = max(due + period, time.monotonic() - period)  # what was missed is not caught up
            time.sleep(max(0.0, due - time.monotonic()))
