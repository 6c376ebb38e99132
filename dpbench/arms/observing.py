"""Observations of the past, aligned in time: what a policy sees of an arm and its cameras.

The newest observed step is the time of the newest frame of all cameras; the steps before it lie a control period
apart. At each of them every stream gives its last sample before that time, as in Diffusion Policy's `real_env.py`.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dpbench.errors import ArmFaultError

Value = TypeVar("Value")
KEPT = 2048
"""Samples that a stream remembers: four seconds of states at 500 Hz."""


@dataclass
class Stream(Generic[Value]):
    """Time-stamped samples of one source.

    Attributes:
        name: for messages.
        times_s: of the samples, increasing.
        values: the samples.
    """

    name: str
    times_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    values: deque[Value] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, time_s: float, value: Value) -> None:
        """Take a sample; one that is not newer than the last is the same sample read again."""
        if not self.times_s or time_s > self.times_s[-1]:
            self.times_s.append(time_s)
            self.values.append(value)

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
        ArmFaultError: for a stream without samples, or whose last one is older than `stale_s`.
    """
    for stream in streams.values():
        stream.before(now_s)
        if now_s - stream.times_s[-1] > stale_s:
            raise ArmFaultError(f"the last sample of {stream.name} is {now_s - stream.times_s[-1]:.2f} s old.")
    return min(stream.times_s[-1] for stream in streams.values())


def step_times(newest_s: float, n_obs_steps: int, period_s: float) -> tuple[float, ...]:
    """Times of the observed steps, the newest last."""
    return tuple(newest_s - (n_obs_steps - 1 - number) * period_s for number in range(n_obs_steps))
