"""Observations of the past, aligned in time: what a policy sees of an arm and its cameras.

The newest observed step is the time of the newest frame of all cameras; the steps before it lie a control period
apart. At each of them every stream gives its last sample before that time, as in Diffusion Policy's `real_env.py`.
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

from dpbench.arms.driver import AHEAD_S, WRONG_CLOCK
from dpbench.errors import ArmFaultError

Value = TypeVar("Value")
KEPT_S = 4.0
"""What a stream remembers."""
READ_S = 0.01
"""Pause between two looks at the sources; looking more often takes Python's lock from the policy."""


@dataclass
class Stream(Generic[Value]):
    """Time-stamped samples of one source.

    Attributes:
        name: for messages.
        times_s: of the samples, increasing.
        values: the samples.
    """

    name: str
    times_s: deque[float] = field(default_factory=deque)
    values: deque[Value] = field(default_factory=deque)

    def add(self, time_s: float, value: Value) -> None:
        """Take a sample; one that is not newer than the last is the same sample read again."""
        if not self.times_s or time_s > self.times_s[-1]:
            self.times_s.append(time_s)
            self.values.append(value)
            while self.times_s[0] < time_s - KEPT_S:
                self.times_s.popleft()
                self.values.popleft()

    def before(self, time_s: float) -> Value:
        """The last sample at or before a time, the first one where none is.

        Raises:
            ArmFaultError: without any sample.
        """
        if not self.times_s:
            raise ArmFaultError(f"{self.name} has given nothing yet; check its connection.")
        return self.values[max(0, bisect.bisect_right(self.times_s, time_s) - 1)]


def newest_common(streams: Mapping[str, Stream[Value]], now_s: float, stale_s: float) -> float:
    """Time of the newest sample that every stream has reached.

    Raises:
        ArmFaultError: for a stream without samples, or whose last one is older than `stale_s` or of another clock.
    """
    for stream in streams.values():
        stream.before(now_s)
        if stream.times_s[-1] > now_s + AHEAD_S:
            raise ArmFaultError(
                f"{stream.name} is stamped {stream.times_s[-1]:.0f} s, now is {now_s:.0f} s: {WRONG_CLOCK}"
            )
        if not now_s - stream.times_s[-1] <= stale_s:
            raise ArmFaultError(f"the last sample of {stream.name} is {now_s - stream.times_s[-1]:.2f} s old.")
    return min(stream.times_s[-1] for stream in streams.values())


def step_times(newest_s: float, n_obs_steps: int, period_s: float) -> tuple[float, ...]:
    """Times of the observed steps, the newest last."""
    return tuple(newest_s - (n_obs_steps - 1 - number) * period_s for number in range(n_obs_steps))


class SensorBuffer:
    """A thread that reads every source as often as it may have something new, and the observations made of them.

    Args:
        sources: flat key of an observation -> a function that gives its newest sample and when it was taken; it never
            waits, and raises ArmFaultError or OSError when its device has stopped.
        period_s: of the policy.
        stale_s: a stream whose last sample is older has stopped.
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
        self._end = threading.Event()  # its own: a thread that hung must not go on by this one's
        self._thread = threading.Thread(target=self._run, args=(self._end,), name="observer", daemon=True)
        self._thread.start()

    def newest_s(self) -> float:
        """The newest time that every source has reached.

        Raises:
            ArmFaultError: when a source has stopped, or gives nothing new any more.
        """
        with self._lock:
            if self._error is not None:
                known = isinstance(self._error, (ArmFaultError, OSError))
                raise ArmFaultError(f"{self._error}" if known else f"{self._error!r}") from self._error
            return newest_common(self._streams, self._clock(), self._stale_s)

    def at(self, times_s: Sequence[float]) -> dict[str, NDArray[Any]]:
        """What every source had last given by some times: flat key -> `(n, ...)`."""
        with self._lock:
            return {key: np.stack([stream.before(due_s) for due_s in times_s]) for key, stream in self._streams.items()}

    def observe(self, n_obs_steps: int) -> tuple[float, dict[str, NDArray[Any]]]:
        """The newest aligned observation and the steps before it.

        Returns:
            When the newest step was, and flat key -> `(To, ...)`, the newest last.

        Raises:
            ArmFaultError: see `newest_s`.
        """
        newest_s = self.newest_s()
        return newest_s, self.at(step_times(newest_s, n_obs_steps, self._period_s))

    def wait(self, timeout_s: float = 5.0) -> None:
        """Until every source has given something.

        Raises:
            ArmFaultError: when one has not in time.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                self.observe(1)
            except ArmFaultError:
                if time.monotonic() > until or self._error is not None:
                    raise
                time.sleep(READ_S)
            else:
                return

    def times_s(self, key: str) -> tuple[float, ...]:
        """When the samples of a source were taken that are still remembered."""
        with self._lock:
            return tuple(self._streams[key].times_s)

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
            except Exception as error:  # a stranger's camera may raise anything; who observes is told
                if not end.is_set():
                    self._error = error
                return
            if end.is_set():  # it hung, and others read by now
                return
            with self._lock:
                for key, (time_s, value) in samples.items():
                    self._streams[key].add(time_s, value)
            time.sleep(READ_S)
