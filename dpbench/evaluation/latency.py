"""Inference latency: wall time of a policy's `act` for one environment, as it would run on a robot.

The clock is monotonic and counts nanoseconds. Warm-up calls come first, until memory is allocated and kernels are
chosen. Every call gets one observation, a different one each time, and ends when its actions are on the CPU, so that
work on a GPU is included. The record says which clock, how many calls and threads, and how
many cores other processes kept busy meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from dpbench.evaluation.cpu_use import CpuUse, cpu_use, other_cores
from dpbench.metrics.statistics.percentiles import percentiles
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy, TimesEncoder
from dpbench.policies.threads import fixed_threads
from dpbench.records.machine import Latency, Percentiles

CLOCK = "time.perf_counter_ns"
N_WARMUP = 5
MIN_CALLS = 20
MIN_WATCHED_S = 0.3
"""The kernel counts processor time in steps of 10 ms; fast calls are watched for as long all the same."""


def measure(
    policy: Policy,
    observations: Mapping[str, NDArray[Any]],
    n_calls: int,
    n_threads: int = 1,
    max_s: float = float("inf"),
) -> Latency:
    """Time single calls.

    Args:
        policy: opened without a micro-batch, so that a call computes one row. Where it is a
            TimesEncoder, as learned policies are, the encoder's share is measured in calls of its own.
        observations: flat key -> `(N, To, ...)`; the calls go through them in turn.
        n_calls: timed calls.
        n_threads: CPU threads that torch may use meanwhile.
        max_s: stop early after that time, s, but not before 20 calls.
    """
    policy.reset()
    noise = NoiseStreams.from_seeds(0, [0])
    rows = len(next(iter(observations.values())))

    def call(number: int) -> float:
        row = number % rows
        one = {key: value[row : row + 1] for key, value in observations.items()}
        begin = time.perf_counter_ns()
        policy.act(one, noise)
        return (time.perf_counter_ns() - begin) * 1e-9

    begin_use = cpu_use()
    times: list[float] = []
    encode: list[float] = []
    with fixed_threads(n_threads):
        for number in range(N_WARMUP):
            call(number)
        while len(times) < n_calls and (len(times) < MIN_CALLS or sum(times) < max_s):
            times.append(round(call(len(times)), 9))
        if isinstance(policy, TimesEncoder):
            with policy.time_encoder(encode):
                for number in range(min(len(times), MIN_CALLS)):
                    call(number)
    call_s, steps = Percentiles(**percentiles(times)), policy.horizon.n_action_steps
    return Latency(
        call_s=call_s,
        control_step_s=Percentiles(p50=call_s.p50 / steps, p95=call_s.p95 / steps, p99=call_s.p99 / steps),
        encode_s=Percentiles(**percentiles(encode)) if encode else None,
        held_rate_hz=steps / call_s.p99,
        blocking_rate_hz=1 / call_s.p99,
        n_calls=len(times),
        n_warmup=N_WARMUP,
        n_threads=n_threads,
        clock=CLOCK,
        other_cores=_watched(begin_use),
        times_s=tuple(times),
    )


def _watched(begin: CpuUse | None) -> float | None:
    """Cores that other processes kept busy since `begin`."""
    if begin is not None:
        time.sleep(max(0.0, begin.wall_s + MIN_WATCHED_S - time.monotonic()))
    return other_cores(begin, cpu_use())
