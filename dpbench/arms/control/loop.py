"""The control loop of an arm: a thread that sends one command within limits every tick, whatever the policy does.

A driver implements `servo.Servo`; `ServoLoop` turns it into an `ArmDriver`. The loop follows the scheduled waypoints,
passes every command through `command_filter.CommandFilter`, brakes when no fresh waypoints arrive, and latches faults
until a person resets them.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence

from dpbench.arms.control.command_filter import CommandFilter, check_state
from dpbench.arms.control.joints import JointLimits, Kinematics
from dpbench.arms.control.loop_report import LoopReport
from dpbench.arms.control.safety import Limits, within
from dpbench.arms.control.servo import FreeDrive, Servo
from dpbench.arms.control.trajectory import Trajectory
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint, check_waypoint
from dpbench.errors import ArmFaultError, ConfigError

LATE = 1.5
"""A tick has missed its deadline if it comes later than this many periods after the last one."""
HALT_WAIT_S = 0.1
"""`halt` waits this long for a driver call in progress; then it calls the driver's `stop` while that call hangs."""


class ServoLoop:
    """An `ArmDriver` over a `Servo`.

    Args:
        servo: the arm.
        limits: of the tool.
        watchdog_s: the arm brakes and holds if `schedule` is not called for this long.
        stale_s: a measured state older than this is a fault.
        clock: the host's monotonic clock.
        joint_limits: of its joints.
        kinematics: solves every command for joints, so that only commands inside `joint_limits` are sent. Without it
            the measured joints are monitored.

    Raises:
        ConfigError: unless both times are above 0.
    """

    def __init__(
        self,
        servo: Servo,
        limits: Limits,
        watchdog_s: float = 0.5,
        stale_s: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
        joint_limits: JointLimits | None = None,
        kinematics: Kinematics | None = None,
    ) -> None:
        for name, value in (("watchdog_s", watchdog_s), ("stale_s", stale_s)):
            if not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise ConfigError(f"{name} = {value!r}: expected seconds above 0, such as 0.5.")
        self._servo, self._limits, self._clock = servo, limits, clock
        self._filter = CommandFilter(limits, 1.0 / servo.spec.rate_hz, joint_limits, kinematics)
        self._watchdog_s, self._stale_s = watchdog_s, stale_s
        self._lock = threading.Lock()
        self._fault_lock = threading.Lock()
        self._n_latched, self._free = 0, False
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
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
        self._end_thread()  # two threads would send twice as often, and the arm would move twice as fast
        self.begin()
        self._running = threading.Event()  # one per thread, so that an old thread that hung does not resume
        self._running.set()
        self._thread = threading.Thread(target=self._run, args=(self._running,), name="servo loop", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Connect without a thread; the caller then calls `tick`."""
        self._servo.connect()
        self._take_up()
        self.report = LoopReport()

    def read(self) -> ArmState:
        """The state at the last tick.

        Raises:
            ArmFaultError: before `connect`.
        """
        if self._state is None:
            raise self._unconnected()
        return self._state

    def commanded(self) -> Waypoint:
        """The last command that was sent; before the first one, the pose at which the arm was connected.

        Raises:
            ArmFaultError: before `connect`.
        """
        if self._filter.last is None:
            raise self._unconnected()
        return self._filter.last.motion.waypoint

    def queue_depth(self) -> int:
        """Number of scheduled waypoints that are still ahead."""
        path = self._trajectory
        return 0 if path is None else path.n_after(self._clock())

    def schedule(self, waypoints: Sequence[Waypoint]) -> tuple[Waypoint, ...]:
        """Replace all waypoints that are still to come; see `ArmDriver`. An empty call only feeds the watchdog.

        Raises:
            ActionError: for a waypoint of wrong shape or with NaN; then no waypoint of the call is accepted.
            ArmFaultError: while a fault is latched, or the arm is guided by hand.
        """
        checked = [check_waypoint(waypoint) for waypoint in waypoints]
        with self._lock:
            self._check_working()
            if self._free:
                raise ArmFaultError(f"{self.spec.name} is in free drive: call free_drive(False) first.")
            now = self._clock()
            accepted = [within(waypoint, self._limits) for waypoint in checked if waypoint.time_s > now]
            # Once the watchdog has made the arm brake, it is no longer on the old path.
            old = self._trajectory if now - self._fresh_s <= self._watchdog_s else None
            self._trajectory = (old or Trajectory((self.commanded(),))).replaced(now, accepted)
            self._fresh_s = now
            return tuple(accepted)

    def stop(self) -> None:
        """Brake within the limits and hold; waypoints still to come are dropped."""
        with self._lock:
            self._trajectory = None

    def halt(self, reason: str) -> None:
        """Latch a fault and brake by the arm's own means; can be called from any thread. Only `reset_fault` ends it.

        No command is sent after this, except for one that is in progress. The call waits for a driver call in progress,
        at most `HALT_WAIT_S`, and then for the driver's `stop`.
        """
        self._latch(reason)
        idle = self._lock.acquire(timeout=HALT_WAIT_S)
        try:
            self._brake()
        finally:
            if idle:
                self._lock.release()

    def reset_fault(self) -> None:
        """Resume after a fault, from where the arm is now. If `halt` is called meanwhile, that fault stays latched."""
        with self._lock:
            n_latched = self._n_latched
            self._trajectory, self._free = None, False
            self.begin()
            with self._fault_lock:
                if self._n_latched == n_latched:
                    self.fault = None  # last: without a connection the fault stays

    def moved_by(self, move: Callable[[], bool]) -> None:
        """Send nothing while `move` runs. If it returns True, it has moved the arm, and commands resume from there.

        Raises:
            ArmFaultError: before `connect`, or while a fault is latched; the fault stays.
        """
        with self._lock:
            self._check_working()
            self._trajectory = None
            if move():
                self._take_up()

    def free_drive(self, on: bool) -> None:
        """Let a person guide the arm by hand, or hold it again and resume from where it is then.

        In free drive, states are read and checked, and nothing is sent.

        Raises:
            ConfigError: if the driver has no free drive.
            ArmFaultError: before `connect`, or while a fault is latched.
        """
        if not isinstance(self._servo, FreeDrive):
            raise ConfigError(
                f"driver {self.spec.name!r} has no free drive, so that the arm cannot be guided by hand: "
                "record with --operator keyboard or spacemouse."
            )
        with self._lock:
            self._check_working()
            if on == self._free:
                return
            self._trajectory = None
            if on:
                self._servo.stop()
            self._servo.free_drive(on)
            self._free = on
            if not on:
                try:
                    self._take_up()
                except Exception as error:  # the last command is from before the free drive: never continue from it
                    self._latch(str(error))
                    raise

    def close(self) -> None:
        """Stop the thread and close the connection."""
        self._end_thread()
        self._brake()
        self._free, self._state, self._filter.last = False, None, None
        self._servo.close()

    def tick(self) -> None:
        """Read the state and send one command; called once per servo period."""
        with self._lock:
            if self._filter.last is None:
                return
            if self.fault is not None:
                with contextlib.suppress(Exception):  # the operator still wants to see where the arm is
                    self._state = self._servo.read()
                return
            now = self._clock()
            interval, self._ticked_s = now - self._ticked_s, now
            try:
                self._exchange(now)
            except Exception as error:  # if this thread died, nobody would brake the arm
                self._latch(str(error) if isinstance(error, (OSError, ArmFaultError)) else repr(error))
            if self._has_stopped():
                self._brake()
            elif not self._free:
                self.report.n_ticks += 1
                self.report.n_late += interval > LATE / self.spec.rate_hz
                self.report.intervals_s.append(interval)

    def _end_thread(self) -> None:
        self._running.clear()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None

    def _has_stopped(self) -> bool:
        return self.fault is not None

    def _exchange(self, now: float) -> None:
        self._state = state = self._servo.read()
        check_state(state, now, self._stale_s)
        if self._free:
            return
        time_s, path = now + 1.0 / self.spec.rate_hz, self._trajectory
        desired = ahead = None
        is_behind = self._filter.is_behind(state, now)
        if path is not None and not is_behind and now - self._fresh_s <= self._watchdog_s:
            # One servo period per tick: after a late tick the arm does not jump ahead.
            desired, ahead = path.at(time_s), path.ahead(time_s, 1.0 / self.spec.rate_hz)
        command = self._filter.next(time_s, desired, ahead)
        if not self._has_stopped():  # `halt` may have been called meanwhile
            self._servo.send(command.motion.waypoint)
            self._filter.last = command
            self.report.n_held += desired is None
            self.report.n_refused += command.refused is not None

    def _take_up(self) -> None:
        self._state, now = self._servo.read(), self._clock()
        self._filter.take_up(self._state, now)
        self._fresh_s = self._ticked_s = now

    def _latch(self, reason: str) -> None:
        with self._fault_lock:
            self._n_latched += 1
            self.fault = self.fault or reason

    def _brake(self) -> None:
        self._trajectory = None
        # If the connection is lost, the arm's own watchdog stops it.
        with contextlib.suppress(Exception):
            if self._free and isinstance(self._servo, FreeDrive):
                self._servo.free_drive(False)
        with contextlib.suppress(Exception):
            self._servo.stop()

    def _check_working(self) -> None:
        if self.fault is not None:
            raise ArmFaultError(f"{self.spec.name} has stopped: {self.fault}; call reset_fault() once it is safe.")
        self.commanded()

    def _unconnected(self) -> ArmFaultError:
        return ArmFaultError(f"{self.spec.name} is not connected: call connect() first.")

    def _run(self, running: threading.Event) -> None:
        period, due = 1.0 / self.spec.rate_hz, time.monotonic()
        while running.is_set():
            self.tick()
            due = max(due + period, time.monotonic() - period)  # missed ticks are not caught up
            time.sleep(max(0.0, due - time.monotonic()))
