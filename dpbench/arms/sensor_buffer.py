"""Time-stamped samples of all sensors, and the observations made of them, aligned in time.

The newest observed step is at the time of the newest camera frame; the steps before it are one control period apart.
For each step every sensor contributes its last sample before that time, as in Diffusion Policy
(`diffusion_policy/real_world/real_env.py` in real-stanford/diffusion_policy, commit 5ba07ac).
"""

from __future__ import annotations

import bisect
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import MAX_AHEAD_S, WRONG_CLOCK
from dpbench.errors import ArmFaultError

Value = TypeVar("Value")
KEPT_S = 4.0
"""Age at which samples are dropped."""
READ_EVERY_S = 0.01
"""Reading more often than this takes Python's global lock from the policy."""


@dataclass
class Stream(Generic[Value]):
    """Time-stamped samples of one sensor.

    Attributes:
        name: for messages.
        times_s: of the samples, increasing.
        values: the samples.
    """

    name: str
    times_s: deque[float] = field(default_factory=deque)
    values: deque[Value] = field(default_factory=deque)

    def add(self, time_s: float, value: Value) -> None:
        """Add a sample, unless it is the last one read again."""
        if not self.times_s or time_s > self.times_s[-1]:
            self.times_s.append(time_s)
            self.values.append(value)
            while self.times_s[0] < time_s - KEPT_S:
                self.times_s.popleft()
                self.values.popleft()

    def before(self, time_s: float) -> Value:
        """The last sample at or before a time; the first sample if all are later.

        Raises:
            ArmFaultError: if there is no sample.
        """
        if not self.times_s:
            raise ArmFaultError(f"{self.name} has not sent anything yet; check its connection.")
        return self.values[max(0, bisect.bisect_right(self.times_s, time_s) - 1)]


def newest_common(streams: Mapping[str, Stream[Value]], now_s: float, stale_s: float) -> float:
    """The newest time that every stream has reached.

    Raises:
        ArmFaultError: if a stream has no samples, or its last one is older than `stale_s` or from another clock.
    """
    for stream in streams.values():
        stream.before(now_s)
        if stream.times_s[-1] > now_s + MAX_AHEAD_S:
            raise ArmFaultError(
                f"the time of {stream.name} is {stream.times_s[-1]:.0f} s, but now is {now_s:.0f} s: {WRONG_CLOCK}"
            )
        if not now_s - stream.times_s[-1] <= stale_s:
            raise ArmFaultError(f"the last sample of {stream.name} is {now_s - stream.times_s[-1]:.2f} s old.")
    return min(stream.times_s[-1] for stream in streams.values())


def step_times(newest_s: float, n_obs_steps: int, period_s: float) -> tuple[float, ...]:
    """Times of the observed steps, the newest last."""
    return tuple(newest_s - (n_obs_steps - 1 - number) * period_s for number in range(n_obs_steps))


class SensorBuffer:
    """A thread that reads all sensors and keeps their recent samples.

    Args:
        sources: flat observation key -> a function that returns the time of the newest sample and the sample. It does
            not wait for a new one, and raises ArmFaultError or OSError if its device has stopped.
        period_s: control period of the policy.
        stale_s: a sensor whose last sample is older than this has stopped.
        clock: the host's monotonic clock.
    """

    def __init__(
        self,
        sources: Mapping[str, Callable[[], tuple[float, NDArray[Any]]]],
        period_s: float,
        stale_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources, self._period_s, self._stale_s, self._clock = sources, period_s, stale_s, clock
        self._lock = threading.Lock()
        self._streams: dict[str, Stream[NDArray[Any]]] = {}
        self._error: Exception | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Forget all samples and read until `close`."""
        self.close()
        with self._lock:
            self._streams = {key: Stream(key) for key in self._sources}
            self._error = None
        self._end = threading.Event()  # one per thread, so that an old thread that hung does not resume
        self._thread = threading.Thread(target=self._run, args=(self._end,), name="sensors", daemon=True)
        self._thread.start()

    def newest_s(self) -> float:
        """The newest time that every sensor has reached.

        Raises:
            ArmFaultError: if a sensor has stopped or sends nothing new.
        """
        with self._lock:
            if self._error is not None:
                known = isinstance(self._error, (ArmFaultError, OSError))
                raise ArmFaultError(f"{self._error}" if known else f"{self._error!r}") from self._error
            return newest_common(self._streams, self._clock(), self._stale_s)

    def at(self, times_s: Sequence[float]) -> dict[str, NDArray[Any]]:
        """The last sample of every sensor before each time: flat key -> `(n, ...)`."""
        with self._lock:
            return {key: np.stack([stream.before(due_s) for due_s in times_s]) for key, stream in self._streams.items()}

    def observe(self, n_obs_steps: int) -> tuple[float, dict[str, NDArray[Any]]]:
        """The newest aligned observation and the steps before it.

        Returns:
            The time of the newest step, and flat key -> `(To, ...)`, the newest last.

        Raises:
            ArmFaultError: see `newest_s`.
        """
        newest_s = self.newest_s()
        return newest_s, self.at(step_times(newest_s, n_obs_steps, self._period_s))

    def wait(self, timeout_s: float = 5.0) -> None:
        """Wait until every sensor has sent something.

        Raises:
            ArmFaultError: if one has not in time.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                self.observe(1)
            except ArmFaultError:
                if time.monotonic() > until or self._error is not None:
                    raise
                time.sleep(READ_EVERY_S)
            else:
                return

    def close(self) -> None:
        """End the thread; can be called twice."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None

    def _run(self, end: threading.Event) -> None:
        while not end.is_set():
            try:
                samples = {key: read() for key, read in self._sources.items()}
            except Exception as error:  # a plug-in camera may raise anything; `newest_s` passes it on
                if not end.is_set():
                    self._error = error
                return
            if end.is_set():  # this thread hung, and another one reads by now
                return
            with self._lock:
                for key, (time_s, value) in samples.items():
                    self._streams[key].add(time_s, value)
            time.sleep(READ_EVERY_S)
