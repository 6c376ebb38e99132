"""A policy on an arm: inference beside the control loop, chunks as time-stamped waypoints.

    observed  ... t-1   t  |                       t: time of the newest frame
    inference              |====|                  takes as long as it takes; the arm follows the chunk before
    chunk              t   t+1  t+2 ... t+Ta       action i is due i + 1 control periods after t
    sent                        t+2 ... t+Ta       what is past when the chunk is there is dropped

So the latencies of observation and inference are compensated by time stamps; that of execution by scheduling each
waypoint so much earlier. A chunk that comes too late leaves the arm at the end of the old one, where it brakes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import ArmDriver, Waypoint
from dpbench.errors import ConfigError, check_choice
from dpbench.metrics.statistics.percentiles import percentiles
from dpbench.policies.ensembled import ChunkEnsemble
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy

Execution = Literal["sync", "async", "ensemble"]
EXECUTIONS: tuple[Execution, ...] = ("sync", "async", "ensemble")
Observe = Callable[[int], tuple[float, Mapping[str, NDArray[Any]]]]
"""`n_obs_steps -> (time of the newest step, flat key -> (To, ...))`."""
ToWaypoints = Callable[[NDArray[np.float32], Sequence[float]], list[Waypoint]]
"""`(actions (n, Da), times) -> waypoints`."""
NAP_S = 0.02
RECENT = 5
"""Chunks whose slowest tells how early the next one must be asked for."""


@dataclass(frozen=True)
class ExecutionConfig:
    """How a policy is run.

    Attributes:
        rate_hz: of the policy's actions.
        mode: `"sync"` asks for the next chunk when the last one is executed; `"async"` so much before its end as
            observation and inference have lately taken, so that the arm never waits; `"ensemble"` at every step, and
            executes the mean of all chunks that reach a moment.
        replan_steps: async only: ask anew after so many steps, whatever the latencies (6 at the published station).
        decay: ensemble only: weight of the older chunks, see `ChunkEnsemble`.
        execution_s: time from sending a waypoint to the arm being there; it is sent so much earlier. 0 where the
            demonstrations hold commands, which the arm followed as late as it does now.
        margin_s: actions due sooner than this are dropped, they could not arrive in time.
    """

    rate_hz: float
    mode: Execution = "async"
    replan_steps: int | None = None
    decay: float = 0.01
    execution_s: float = 0.0
    margin_s: float = 0.01

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, EXECUTIONS)
        if not (0 < self.rate_hz < math.inf and 0 <= self.execution_s < math.inf and 0 <= self.margin_s < math.inf):
            raise ConfigError(f"{self}: expected a rate above 0 and times of at least 0.")
        if self.replan_steps is not None and not (self.mode == "async" and self.replan_steps >= 1):
            raise ConfigError(f"replan_steps = {self.replan_steps}: expected at least 1, and mode async.")


@dataclass
class PolicyReport:
    """What happened in an episode; times in s.

    Attributes:
        observation_s: age of each chunk's newest observation when inference began.
        inference_s: of each chunk.
        n_sent: actions of each chunk that were still to come.
        queue_depth: waypoints of the chunk before that were still to come when each chunk was there.
        n_late: chunks of which nothing was still to come: deadlines that the policy missed.
        slack_s: how long before the end of the old chunk the new one came; negative when it came late.
    """

    observation_s: list[float] = field(default_factory=list)
    inference_s: list[float] = field(default_factory=list)
    n_sent: list[int] = field(default_factory=list)
    queue_depth: list[int] = field(default_factory=list)
    n_late: int = 0
    slack_s: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """p50, p95 and p99 of every list, and the counts."""
        rows: dict[str, Any] = {}
        for name, values in asdict(self).items():
            if isinstance(values, list):
                rows[name] = {**percentiles(values), "n": len(values)}
            else:
                rows[name] = values
        return rows


@dataclass(frozen=True)
class PredictedChunk:
    """A chunk and what became of it.

    Attributes:
        actions: `(Ta, Da)` as predicted (in ensemble mode: as averaged).
        times_s: when they are due.
        n_dropped: the first ones, whose time had passed.
        sent: the waypoints that the arm accepted.
    """

    actions: NDArray[np.float32]
    times_s: tuple[float, ...]
    n_dropped: int
    sent: tuple[Waypoint, ...]


def run_policy(
    policy: Policy,
    arm: ArmDriver,
    observe: Observe,
    to_waypoints: ToWaypoints,
    timing: ExecutionConfig,
    noise: NoiseStreams,
    over: Callable[[], bool],
    on_chunk: Callable[[PredictedChunk], object] = lambda _: None,
) -> PolicyReport:
    """Run a policy until `over()`; the control loop of `arm` goes on by itself meanwhile.

    Args:
        policy: asked with a batch of one.
        arm: connected.
        observe: see `Observe`; blocks at most for the newest frame.
        to_waypoints: actions as poses; velocities are summed up here.
        timing: rates and latencies.
        noise: one stream.
        over: asked before every question, and before its answer is sent.
        on_chunk: shown every predicted chunk.

    Raises:
        ArmFaultError: when the arm or a camera has stopped; the arm holds.
    """
    report, period = PolicyReport(), 1.0 / timing.rate_hz
    horizon = policy.horizon
    ensemble = ChunkEnsemble(timing.decay, horizon.n_action_steps) if timing.mode == "ensemble" else None
    policy.reset()
    ends: list[float] = [time.monotonic()]
    try:
        while not over():
            observed_s, history = observe(horizon.n_obs_steps)
            began = time.monotonic()
            chunk = policy.act({key: np.asarray(value)[None] for key, value in history.items()}, noise)[0]
            times = [observed_s + (number + 1) * period for number in range(len(chunk))]
            if ensemble is not None:
                chunk = ensemble.mean(times, chunk)
            if over():  # it may have thought for long
                break
            done = time.monotonic()
            first_due_s = done + timing.margin_s + timing.execution_s
            n_dropped = sum(due_s <= first_due_s for due_s in times)
            report.observation_s.append(began - observed_s)
            report.inference_s.append(done - began)
            report.n_sent.append(len(chunk) - n_dropped)
            report.queue_depth.append(sum(end_s > done for end_s in ends))
            report.slack_s.append(ends[-1] - done)
            if n_dropped == len(chunk):
                # As published: the last action at the next step of the grid, so that the arm goes on, late.
                report.n_late += 1
                n_dropped, times[-1] = len(chunk) - 1, first_due_s + period
            ends = [due_s - timing.execution_s for due_s in times[n_dropped:]]
            sent = arm.schedule(to_waypoints(chunk[n_dropped:], ends))
            on_chunk(PredictedChunk(chunk, tuple(times), n_dropped, sent))
            _wait(_next_question_s(timing, report, observed_s, ends[-1]), over, arm)
    finally:
        arm.stop()
    return report


def _next_question_s(timing: ExecutionConfig, report: PolicyReport, observed_s: float, end_s: float) -> float:
    """When the next chunk is asked for; at the earliest a step after the last question."""
    period = 1.0 / timing.rate_hz
    if timing.mode == "sync":
        return end_s
    if timing.mode == "ensemble":
        return observed_s + period
    if timing.replan_steps is not None:
        return observed_s + timing.replan_steps * period
    slowest = max(map(sum, zip(report.observation_s[-RECENT:], report.inference_s[-RECENT:], strict=True)))
    return max(observed_s + period, end_s - slowest - period)


def _wait(until: float, over: Callable[[], bool], arm: ArmDriver) -> None:
    """Sleep in short naps, so that an end is noticed, and the arm's watchdog sees that somebody is there."""
    while (left := until - time.monotonic()) > 0 and not over():
        arm.schedule(())
        time.sleep(min(left, NAP_S))
