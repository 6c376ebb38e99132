"""Execution of a policy on an arm: inference runs beside the control loop, and chunks become time-stamped waypoints.

    observed  ... t-1   t  |                       t: time of the newest camera frame
    inference              |====|                  the arm follows the previous chunk meanwhile
    chunk              t   t+1  t+2 ... t+Ta       action i is due i + 1 control periods after t
    sent                        t+2 ... t+Ta       actions that are past when inference ends are dropped

Time stamps thus compensate the latencies of observation and inference. Execution latency is compensated by scheduling
each waypoint that much earlier. If a chunk is late, the arm brakes at the end of the previous one.
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
from dpbench.policies.ensembled import PAPER_DECAY, ChunkEnsemble
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy

Execution = Literal["sync", "async", "ensemble"]
EXECUTIONS: tuple[Execution, ...] = ("sync", "async", "ensemble")
Observe = Callable[[int], tuple[float, Mapping[str, NDArray[Any]]]]
"""`n_obs_steps -> (time of the newest step, flat key -> (To, ...))`."""
ToWaypoints = Callable[[NDArray[np.float32], Sequence[float]], list[Waypoint]]
"""`(actions (n, Da), times) -> waypoints`."""
MAX_SLEEP_S = 0.02
N_RECENT = 5
"""The slowest of this many recent chunks decides how early the next inference starts."""


@dataclass(frozen=True)
class ExecutionConfig:
    """How the chunks of a policy are executed.

    Attributes:
        rate_hz: rate of the policy's actions.
        execution: when inference starts. `"sync"`: after the last chunk has been executed. `"async"`: before its end,
            early enough for the recent latencies, so that the arm does not wait. `"ensemble"`: at every step; the arm
            executes the mean of all chunks that contain a moment.
        replan_steps: only async: start inference every so many steps, whatever the latencies. Diffusion Policy's
            station used 6 (`eval_real_robot.py` in real-stanford/diffusion_policy, commit 5ba07ac).
        decay: only ensemble: see `dpbench.policies.ensembled.ensemble_mean`.
        execution_latency_s: time from sending a waypoint until the arm is there; waypoints are sent that much earlier.
            Use 0 if the demonstrations hold commands, which the arm followed with the same latency.
        margin_s: actions due sooner than this are dropped, since they could not arrive in time.
    """

    rate_hz: float
    execution: Execution = "async"
    replan_steps: int | None = None
    decay: float = PAPER_DECAY
    execution_latency_s: float = 0.0
    margin_s: float = 0.01

    def __post_init__(self) -> None:
        check_choice("execution", self.execution, EXECUTIONS)
        latencies = self.execution_latency_s, self.margin_s
        if not (0 < self.rate_hz < math.inf and all(0 <= value < math.inf for value in latencies)):
            raise ConfigError(f"{self}: expected a rate above 0, and times of 0 or more.")
        if self.replan_steps is not None and not (self.execution == "async" and self.replan_steps >= 1):
            raise ConfigError(f"replan_steps = {self.replan_steps}: expected at least 1, and execution = async.")


@dataclass
class PolicyReport:
    """Latencies and missed deadlines of the policy in an episode; one entry per chunk, times in s.

    Attributes:
        observation_latency_s: age of the newest observation when inference started.
        inference_latency_s: duration of inference.
        n_sent: actions that were still to come when inference ended.
        queue_depth: waypoints of the previous chunk that were still to come when inference ended.
        n_late: number of chunks of which no action was still to come.
        slack_s: time from the end of inference to the end of the previous chunk; negative if it was late.
    """

    observation_latency_s: list[float] = field(default_factory=list)
    inference_latency_s: list[float] = field(default_factory=list)
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
    """A chunk and what was sent of it.

    Attributes:
        actions: `(Ta, Da)` as predicted, or as averaged with execution = ensemble.
        times_s: when they are due.
        n_dropped: number of first actions whose time had passed.
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
    config: ExecutionConfig,
    noise: NoiseStreams,
    is_over: Callable[[], bool],
    on_chunk: Callable[[PredictedChunk], object] = lambda _: None,
) -> PolicyReport:
    """Run a policy until `is_over()`; the control loop of `arm` runs on its own meanwhile.

    Args:
        policy: called with a batch of one.
        arm: connected.
        observe: see `Observe`; waits at most for the next frame.
        to_waypoints: converts actions to waypoints; integrates velocities.
        config: how chunks are executed.
        noise: one stream.
        is_over: called before each inference, and before its actions are sent.
        on_chunk: called with every predicted chunk.

    Raises:
        ArmFaultError: if the arm or a camera has stopped; the arm holds.
    """
    report, period = PolicyReport(), 1.0 / config.rate_hz
    horizon = policy.horizon
    ensemble = ChunkEnsemble(config.decay, horizon.n_action_steps) if config.execution == "ensemble" else None
    policy.reset()
    ends: list[float] = [time.monotonic()]
    try:
        while not is_over():
            observed_s, history = observe(horizon.n_obs_steps)
            began = time.monotonic()
            chunk = policy.act({key: np.asarray(value)[None] for key, value in history.items()}, noise)[0]
            times = [observed_s + (number + 1) * period for number in range(len(chunk))]
            if ensemble is not None:
                chunk = ensemble.mean(times, chunk)
            if is_over():  # inference may take long
                break
            done = time.monotonic()
            first_due_s = done + config.margin_s + config.execution_latency_s
            n_dropped = sum(due_s <= first_due_s for due_s in times)
            report.observation_latency_s.append(began - observed_s)
            report.inference_latency_s.append(done - began)
            report.n_sent.append(len(chunk) - n_dropped)
            report.queue_depth.append(sum(end_s > done for end_s in ends))
            report.slack_s.append(ends[-1] - done)
            if n_dropped == len(chunk):
                # As in Diffusion Policy's `eval_real_robot.py`: the last action is due at the next step of the grid.
                report.n_late += 1
                n_dropped, times[-1] = len(chunk) - 1, first_due_s + period
            ends = [due_s - config.execution_latency_s for due_s in times[n_dropped:]]
            sent = arm.schedule(to_waypoints(chunk[n_dropped:], ends))
            on_chunk(PredictedChunk(chunk, tuple(times), n_dropped, sent))
            _wait(_next_inference_s(config, report, observed_s, ends[-1]), is_over, arm)
    finally:
        arm.stop()
    return report


def _next_inference_s(config: ExecutionConfig, report: PolicyReport, observed_s: float, end_s: float) -> float:
    """When the next inference starts; at the earliest one step after the last observation."""
    period = 1.0 / config.rate_hz
    if config.execution == "sync":
        return end_s
    if config.execution == "ensemble":
        return observed_s + period
    if config.replan_steps is not None:
        return observed_s + config.replan_steps * period
    recent = zip(report.observation_latency_s[-N_RECENT:], report.inference_latency_s[-N_RECENT:], strict=True)
    return max(observed_s + period, end_s - max(map(sum, recent)) - period)


def _wait(until: float, is_over: Callable[[], bool], arm: ArmDriver) -> None:
    """Sleep in short intervals, to notice the end of the episode and to feed the arm's watchdog."""
    while (left := until - time.monotonic()) > 0 and not is_over():
        arm.schedule(())
        time.sleep(min(left, MAX_SLEEP_S))
