"""A policy on an arm: inference beside the control loop, chunks as time-stamped waypoints.

    observed  ... t-1   t  |                       t: time of the newest frame
    inference              |====|                  takes as long as it takes; the arm follows the chunk before
    chunk              t   t+1  t+2 ... t+Ta       action i is due i + 1 control periods after t
    sent                        t+2 ... t+Ta       what is past when the chunk is there is dropped

So the latencies of observation and inference are compensated by time stamps; that of execution by scheduling each
waypoint so much earlier. A chunk that comes too late leaves the arm at the end of the old one, where it brakes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import ArmDriver, Waypoint
from dpbench.errors import ConfigError
from dpbench.policy import NoiseStreams, Policy

Mode = Literal["sync", "async"]
Observe = Callable[[int], tuple[float, Mapping[str, NDArray[Any]]]]
"""`n_obs_steps -> (time of the newest step, flat key -> (To, ...))`."""
ToWaypoints = Callable[[NDArray[np.float32], Sequence[float]], list[Waypoint]]
"""`(actions (n, Da), times) -> waypoints`."""


@dataclass(frozen=True)
class Timing:
    """How a policy is run.

    Attributes:
        rate_hz: of the policy's actions.
        mode: `"sync"` asks for the next chunk when the last one is executed; `"async"` while it is, so that the arm
            never waits.
        execution_s: measured time from sending a waypoint to the arm being there; it is sent so much earlier.
        margin_s: actions due sooner than this are dropped, they could not arrive in time.
    """

    rate_hz: float
    mode: Mode = "sync"
    execution_s: float = 0.0
    margin_s: float = 0.01

    def __post_init__(self) -> None:
        if self.mode not in ("sync", "async"):
            raise ConfigError(f"mode = {self.mode!r}: expected sync or async.")
        if not (self.rate_hz > 0 and self.execution_s >= 0 and self.margin_s >= 0):
            raise ConfigError(f"{self}: expected a rate above 0 and times of at least 0.")


@dataclass
class RunReport:
    """What happened in an episode; times in s.

    Attributes:
        observation_s: age of each chunk's newest observation when inference began.
        inference_s: of each chunk.
        n_sent: actions of each chunk that were still to come.
        n_late: chunks of which none was.
        slack_s: how long before the end of the old chunk the new one came; negative when it came late.
    """

    observation_s: list[float] = field(default_factory=list)
    inference_s: list[float] = field(default_factory=list)
    n_sent: list[int] = field(default_factory=list)
    n_late: int = 0
    slack_s: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """p50, p95 and p99 of every list, and the counts."""
        rows: dict[str, Any] = {}
        for name, values in asdict(self).items():
            if isinstance(values, list):
                p50, p95, p99 = np.percentile(values or [0.0], (50, 95, 99)).tolist()
                rows[name] = {"p50": p50, "p95": p95, "p99": p99, "n": len(values)}
            else:
                rows[name] = values
        return rows


def run_policy(
    policy: Policy,
    arm: ArmDriver,
    observe: Observe,
    to_waypoints: ToWaypoints,
    timing: Timing,
    noise: NoiseStreams,
    over: Callable[[], bool],
    on_chunk: Callable[[NDArray[np.float32]], object] = lambda _: None,
) -> RunReport:
    """Run a policy until `over()`; the control loop of `arm` goes on by itself meanwhile.

    Args:
        policy: asked with a batch of one.
        arm: connected.
        observe: see `Observe`; blocks at most for the newest frame.
        to_waypoints: actions as poses; velocities are summed up here.
        timing: rates and latencies.
        noise: one stream.
        over: asked before every chunk.
        on_chunk: shown every predicted chunk `(Ta, Da)`.

    Raises:
        ArmFaultError: when the arm or a camera has stopped; the arm holds.
    """
    report, period = RunReport(), 1.0 / timing.rate_hz
    horizon = policy.horizon
    policy.reset()
    end_s = time.monotonic()
    try:
        while not over():
            observed_s, history = observe(horizon.n_obs_steps)
            began = time.monotonic()
            chunk = policy.act({key: np.asarray(value)[None] for key, value in history.items()}, noise)[0]
            done = time.monotonic()
            on_chunk(chunk)
            times = [observed_s + (number + 1) * period for number in range(len(chunk))]
            due = [number for number, due_s in enumerate(times) if due_s - timing.execution_s > done + timing.margin_s]
            report.observation_s.append(began - observed_s)
            report.inference_s.append(done - began)
            report.n_sent.append(len(due))
            report.slack_s.append(end_s - done)
            if not due:
                # As published: the last action at the next step of the grid, so that the arm goes on, late.
                report.n_late += 1
                due, times[-1] = [len(chunk) - 1], done + timing.execution_s + timing.margin_s + period
            sent = [times[number] - timing.execution_s for number in due]
            arm.schedule(to_waypoints(chunk[due], sent))
            end_s = sent[-1]
            _wait(until=end_s if timing.mode == "sync" else observed_s + period, over=over)
    finally:
        arm.stop()
    return report


def _wait(until: float, over: Callable[[], bool]) -> None:
    """Sleep in short naps, so that an end is noticed."""
    while (left := until - time.monotonic()) > 0 and not over():
        time.sleep(min(left, 0.02))
