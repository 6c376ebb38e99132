"""Deployment sessions on the digital twin: how episodes end, faults, and what is reported."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.arms.deployment.deployment_session import DeploymentPlan, run_session
from dpbench.arms.deployment.episode import run_episode
from dpbench.arms.deployment.execution import ExecutionConfig
from dpbench.arms.driver import Frame
from dpbench.arms.recording.journal import Journal
from dpbench.arms.station import station_of
from dpbench.arms.teleoperation.interface import Headless
from dpbench.data.episodes import EpisodeStore
from dpbench.errors import ConfigError, DataError
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.tasks import load_task

from ..twin import TASK, Keys, Still, arm


@pytest.mark.parametrize("execution", ["sync", "async", "ensemble"])
def test_a_policy_runs_until_the_operator_ends_it(execution: Any, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.zarr", {})
    interface = Keys(("1.", "m"), ("2.", "d"))
    with arm() as (env, _):
        report = run_episode(env, TASK, Still(0.05), ExecutionConfig(TASK.rate_hz, execution), interface, 0, journal)
        assert station_of(env).loop.fault is None
    assert (report.ended_by, report.quits, report.fault) == ("operator", False, None)
    assert not report.outcome["is_success"], "on the twin, success is measured"
    row = report.as_json()
    assert row["policy"]["inference_latency_s"]["p50"] >= 0.05
    assert row["policy"]["n_late"] == 0
    assert report.execution_latency_s is None, "it did not move"
    assert report.n_steps == journal.n_steps >= 10
    n_chunks = {"sync": 2, "async": 2, "ensemble": 8}[execution]
    assert row["policy"]["inference_latency_s"]["n"] >= n_chunks
    if execution == "async":
        assert row["policy"]["queue_depth"]["p50"] >= 1


@pytest.mark.parametrize("fault", ["stop key", "protective_stop", "kill"])
def test_a_fault_ends_the_run_with_a_report(fault: str, tmp_path: Path) -> None:
    with arm() as (env, servo):
        station = station_of(env)
        acts: dict[str, Callable[[], object]] = {
            "stop key": lambda: station.loop.halt("emergency stop by the space bar"),
            "protective_stop": lambda: servo.fault(protective_stop=True),
            "kill": lambda: os.kill(servo.pid or 0, signal.SIGKILL),
        }
        interface = Keys(("1.", acts[fault]))
        journal = Journal(tmp_path / "run.zarr", {})
        reports = run_session(
            env, TASK, Still(), ExecutionConfig(TASK.rate_hz), interface, DeploymentPlan(3, 0, unattended=True), journal
        )
    assert len(reports) == 1, "nobody can reset it"
    assert reports[0].ended_by == "fault"
    assert reports[0].fault
    assert EpisodeStore.open(tmp_path / "run.zarr").n_steps == reports[0].n_steps >= 5


def test_a_session_continues_after_a_reset_and_reports_only_ticks_of_episodes() -> None:
    taken: list[float] = []
    with arm() as (env, servo):

        def cut() -> None:
            servo.fault(disconnected=True)

        interface = Keys(
            ("ready", "c"), ("0.5 s", cut), ("STOPPED", "f"), ("still stopped: the link", lambda: taken.append(1.0)),
            ("STOPPED", lambda: servo.fault(disconnected=False)), ("STOPPED", "f"), ("ended by fault", "c"),
            ("0.5 s", "d"), ("ended by operator", lambda: time.sleep(1.0)), ("ended by operator", "q"),
        )  # fmt: skip
        reports = run_session(
            env, TASK, Still(), ExecutionConfig(TASK.rate_hz), interface, DeploymentPlan(3, 0, unattended=False)
        )
    assert [report.ended_by for report in reports] == ["fault", "operator"]
    assert taken, "the view says why the reset failed"
    assert reports[1].loop.n_ticks < 125 * (reports[1].duration_s + 0.5)


def test_an_error_of_the_policy_is_raised_and_the_arm_holds() -> None:
    class Broken(Still):
        def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
            raise ConfigError("broken weights")

    with arm() as (env, _):
        with pytest.raises(ConfigError, match="broken weights"):
            run_episode(env, TASK, Broken(), ExecutionConfig(TASK.rate_hz), Headless(), 0)
        assert station_of(env).loop.queue_depth() == 0


def test_a_camera_that_freezes_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    task = load_task("dpbench/RealArmImage-v0")
    with arm(task.id) as (env, _):
        station = station_of(env)

        def freeze() -> None:
            frame = station.camera.read()
            monkeypatch.setattr(station.camera, "read", lambda: Frame(frame.time_s, frame.picture))

        report = run_episode(env, task, Still(), ExecutionConfig(task.rate_hz), Keys(("1.", freeze)), 0)
    assert report.ended_by == "fault"
    assert report.fault is not None
    assert "last sample of pixels.top" in report.fault


def test_a_dry_run_shows_commands_and_moves_nothing() -> None:
    shown: list[Any] = []
    policy = scripted_demonstrator(TASK).policy(TASK)
    with arm(dry_run=shown.append) as (env, servo):
        report = run_episode(env, TASK, policy, ExecutionConfig(TASK.rate_hz), Keys(("2.", "d")), 0)
        assert servo.scene().tip == pytest.approx((0.35, 0.0), abs=0.003)
    assert report.ended_by == "operator"
    places = np.stack([waypoint.position for waypoint in shown])
    assert np.ptp(places, axis=0).max() > 0.05, "the commands do move"


def test_an_unattended_session_does_not_start_on_an_unfinished_episode(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    row = {"agent_pos": np.zeros(10, np.float32), "environment_state": np.zeros(5, np.float32)}
    Journal(path, {}).add({**row, "action": np.zeros(10, np.float32)})
    config, plan = ExecutionConfig(TASK.rate_hz), DeploymentPlan(1, 0, unattended=True, max_s=1.0)
    with arm() as (env, _), pytest.raises(DataError, match="1 steps of an unfinished episode: save or discard"):
        run_session(env, TASK, Still(), config, Headless(), plan, Journal(path, {}))
    assert Journal(path, {}).n_steps == 1


def test_an_unattended_session_resets_each_episode_once_and_renders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds, pictures = [], []
    with arm() as (env, _):
        reset, station = env.reset, station_of(env)

        def counted(*, seed: int) -> Any:
            seeds.append(seed)
            return reset(seed=seed)

        monkeypatch.setattr(env, "reset", counted)
        monkeypatch.setattr(station, "picture", lambda: pictures.append(1))
        plan = DeploymentPlan(2, 7, unattended=True, max_s=0.5)
        reports = run_session(env, TASK, Still(), ExecutionConfig(TASK.rate_hz), Headless(), plan)
    assert [report.seed for report in reports] == seeds == [7, 8]
    assert not pictures
