"""Chunks are executed on time: latencies are compensated, past actions dropped, and late chunks are harmless."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.arms.deployment.execution import ExecutionConfig, run_policy
from dpbench.arms.driver import ArmSpec, ArmState, Waypoint
from dpbench.errors import ConfigError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon

RATE_HZ = 20.0


class Chunks:
    """Predicts eight positions ahead of the observed one, after some time."""

    horizon = Horizon(n_obs_steps=1, horizon=8, n_action_steps=8)

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s

    def reset(self) -> None: ...

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        time.sleep(self.takes_s)
        here = float(observations["agent_pos"][0, -1, 0])
        return (here + 0.01 * np.arange(1, 9, dtype=np.float32))[None, :, None]


class NotedArm:
    """An arm that notes what it is sent."""

    spec = ArmSpec("noted", 6, 125.0, 0.0)

    def __init__(self) -> None:
        self.calls: list[tuple[float, list[Waypoint]]] = []
        self.seen: list[float] = []
        self.began_s = time.monotonic()
        self.stopped = False

    def connect(self) -> None: ...

    def read(self) -> ArmState:
        raise NotImplementedError

    def schedule(self, waypoints: Sequence[Waypoint]) -> tuple[Waypoint, ...]:
        if waypoints:
            self.calls.append((time.monotonic(), list(waypoints)))
        return tuple(waypoints)

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None: ...


def run(takes_s: float, execution: Any, duration_s: float, latency_s: float = 0.0) -> tuple[NotedArm, Any]:
    arm = NotedArm()
    began = arm.began_s

    def observe(n_obs_steps: int) -> tuple[float, Mapping[str, NDArray[Any]]]:
        now = time.monotonic() - 0.02  # frames are 20 ms old on arrival
        arm.seen.append(now)
        return now, {"agent_pos": np.full((n_obs_steps, 1), now - began, dtype=np.float32)}

    def to_waypoints(actions: NDArray[np.float32], times: Sequence[float]) -> list[Waypoint]:
        return [
            Waypoint(due, np.array([float(action[0]), 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]), 0.0)
            for action, due in zip(actions, times, strict=True)
        ]

    is_over: Callable[[], bool] = lambda: time.monotonic() - began > duration_s  # noqa: E731
    config = ExecutionConfig(RATE_HZ, execution, execution_latency_s=latency_s)
    report = run_policy(Chunks(takes_s), arm, observe, to_waypoints, config, NoiseStreams.from_seeds(0, [0]), is_over)
    return arm, report


def test_past_actions_are_dropped_and_the_others_are_due_on_the_grid() -> None:
    arm, report = run(takes_s=0.12, execution="sync", duration_s=1.2)
    for sent_s, waypoints in arm.calls:
        assert waypoints[0].time_s > sent_s
        np.testing.assert_allclose(np.diff([one.time_s for one in waypoints]), 1 / RATE_HZ, atol=1e-6)
    # 20 ms of the frame and 120 ms of inference: two of the eight actions are past.
    assert max(report.n_sent) <= 6
    assert report.n_late == 0
    assert arm.stopped
    assert min(report.observation_latency_s) >= 0.02
    assert report.as_json()["inference_latency_s"]["p50"] >= 0.12


def test_waypoints_are_sent_earlier_by_the_execution_latency() -> None:
    arm, _ = run(takes_s=0.0, execution="sync", duration_s=0.8, latency_s=0.04)
    for observed_s, (sent_s, waypoints) in zip(arm.seen, arm.calls, strict=True):
        for waypoint in waypoints:
            place = waypoint.position[0] - (observed_s - arm.began_s)
            assert waypoint.time_s > sent_s
            # Action k, at k + 1 hundredths, is due k + 1 periods after the frame, and sent 40 ms before that.
            np.testing.assert_allclose(waypoint.time_s, observed_s + 100 * place / RATE_HZ - 0.04, atol=1e-3)


def test_with_async_the_next_chunk_is_ready_before_the_last_one_ends() -> None:
    _, waits = run(takes_s=0.1, execution="sync", duration_s=1.2)
    _, overlaps = run(takes_s=0.1, execution="async", duration_s=1.2)
    assert max(waits.slack_s[1:]) < 0.0 < min(overlaps.slack_s[1:])
    assert len(overlaps.inference_latency_s) > len(waits.inference_latency_s)


def test_of_a_chunk_that_is_entirely_late_the_last_action_is_sent() -> None:
    arm, report = run(takes_s=0.5, execution="async", duration_s=1.2)
    assert report.n_late == len(arm.calls)
    for sent_s, waypoints in arm.calls:
        assert len(waypoints) == 1
        assert waypoints[0].time_s > sent_s


def test_invalid_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="execution = 'both'"):
        ExecutionConfig(10.0, "both")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a rate above 0"):
        ExecutionConfig(0.0)


def test_a_chunk_that_is_ready_after_the_end_is_not_sent() -> None:
    arm, ended = NotedArm(), [False]

    class Slow(Chunks):
        def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
            ended[0] = True  # the operator ends the episode meanwhile
            return super().act(observations, noise)

    def refuse(actions: NDArray[np.float32], times: Sequence[float]) -> list[Waypoint]:  # noqa: ARG001
        pytest.fail("nothing is sent after the end")

    report = run_policy(
        Slow(0.0), arm, lambda n: (time.monotonic(), {"agent_pos": np.zeros((n, 1), np.float32)}), refuse,
        ExecutionConfig(RATE_HZ), NoiseStreams.from_seeds(0, [0]), lambda: ended[0],
    )  # fmt: skip
    assert report.inference_latency_s == []
    assert arm.stopped
