"""How long a policy thinks: wall time of `act` for one environment, as it would run on a robot."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.policy import NoiseStreams, Policy

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Latency:
    """Percentiles of the time of one call, s, and of its share of each executed step.

    Attributes:
        call_s: `{"p50": ..., "p95": ..., "p99": ...}` of one call.
        control_step_s: the same, divided by the steps that a call serves (Ta).
        n_calls: timed calls, after the warm-up.
        n_threads: CPU threads torch may use.
    """

    call_s: Mapping[str, float]
    control_step_s: Mapping[str, float]
    n_calls: int
    n_threads: int

    def as_json(self) -> dict[str, Any]:
        """Nested plain values."""
        return asdict(self)


def measure(
    policy: Policy, observations: Mapping[str, NDArray[Any]], n_calls: int, n_warmup: int = 5, n_threads: int = 1
) -> Latency:
    """Time single calls with a monotonic clock; the policy returns only when its actions are on the CPU.

    Args:
        policy: opened without a micro-batch, so that a call computes one row.
        observations: flat key -> `(N, To, ...)`; the calls go through them in turn.
        n_calls: timed calls.
        n_warmup: calls before, not counted (allocations, kernel selection).
        n_threads: written into the result; the caller sets it.
    """
    policy.reset()
    n_rows = len(next(iter(observations.values())))
    noise = NoiseStreams.from_seeds(0, [0])
    times = []
    for call in range(n_warmup + n_calls):
        row = call % n_rows
        one = {key: value[row : row + 1] for key, value in observations.items()}
        begin = time.perf_counter_ns()
        policy.act(one, noise)
        times.append((time.perf_counter_ns() - begin) * 1e-9)
    call_s = {f"p{percent}": float(np.percentile(times[n_warmup:], percent)) for percent in PERCENTILES}
    steps = policy.horizon.n_action_steps
    return Latency(call_s, {name: value / steps for name, value in call_s.items()}, n_calls, n_threads)
