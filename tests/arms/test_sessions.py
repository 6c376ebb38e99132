"""Recording and running on the twin, in real time, with a person who presses keys by a script, and all that fails.

Bounds are wide, since the machine may have other work.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.arms.deployment.deployment_session import DeploymentPlan, run_session
from dpbench.arms.deployment.episode import run_episode
from dpbench.arms.deployment.execution import ExecutionConfig
from dpbench.arms.driver import Frame
from dpbench.arms.recording.goal_sources import HandGuided, ScriptedGoals, TeleoperatedGoals
from dpbench.arms.recording.journal import Journal
from dpbench.arms.recording.recording_session import RecordingPlan, RecordingResult, RecordingSession
from dpbench.arms.station import station_of
from dpbench.arms.teleoperation.interface import Headless
from dpbench.arms.teleoperation.teleoperators import KeyboardTeleop
from dpbench.data.episodes import EpisodeStore
from dpbench.envs.real_arm.drivers.sim import SimServo
from dpbench.errors import ConfigError, DataError
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon
from dpbench.tasks import load_task

TASK = load_task("dpbench/RealArm-v0")
PERIOD_S = 1.0 / TASK.rate_hz
STILL_M, STILL_WITHIN_S = 0.002, 0.8
PATIENT_S = 2.0
"""A state so old is a fault where staleness is not what is tested: other work may keep the twin from measuring."""

Act = str | Callable[[], object]


class Keys:
    """Presses each key when the text that it waits for is shown; or does something then."""

    shows_pictures = True

    def __init__(self, *script: tuple[str, Act]) -> None:
        self._script = list(script)
        self.lines: Sequence[str] = ()
        self.began_s = time.monotonic()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        assert picture.ndim == 3
        self.lines = lines

    def pressed(self) -> tuple[str, ...]:
        assert time.monotonic() - self.began_s < 60.0, f"still waiting for {self._script[:1]}: {self.lines}"
        if not self._script or self._script[0][0] not in " ".join(self.lines):
            return ()
        act = self._script.pop(0)[1]
        if isinstance(act, str):
            return (act,)
        act()
        return ()


@contextmanager
def arm(
    task_id: str = TASK.id, stale_s: float = PATIENT_S, **options: Any
) -> Iterator[tuple[gym.Env[Any, Any], SimServo]]:
    options |= {"real_time": True, "stale_s": stale_s}
    env = gym.make(task_id, disable_env_checker=True, max_episode_steps=-1, **options)
    try:
        yield env, env.unwrapped._world._servo  # type: ignore[attr-defined]
    finally:
        env.close()


def record(
    env: gym.Env[Any, Any], path: Path, interface: Any, operator: str = "script", **plan: Any
) -> RecordingResult:
    station, policy = station_of(env), scripted_demonstrator(TASK).policy(TASK)
    goal_source: Any = {
        "script": lambda: ScriptedGoals(policy, station, PERIOD_S),
        "keyboard": lambda: TeleoperatedGoals(KeyboardTeleop(), station, PERIOD_S),
        "hand": HandGuided,
    }[operator]()
    return RecordingSession(
        env, TASK, Journal(path, {"task": TASK.id}), goal_source, interface, RecordingPlan(**plan), lambda _: None
    ).run()


def test_a_script_records_until_the_task_is_solved(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    with arm() as (env, _):
        done = record(env, path, Headless(), first_seed=100_001, n_episodes=1, unattended=True)
    assert done == RecordingResult(saved=1, discarded=0, unfinished_steps=0, faults=())
    store = EpisodeStore.open(path)
    state, action, place = store.read("environment_state"), store.read("action"), store.read("agent_pos")
    assert math.dist(state[-1, :2], state[-1, 3:5]) < 0.06 < math.dist(state[0, :2], state[0, 3:5])
    assert set(store.shapes()) == set(TASK.store_arrays.values())
    # What was commanded is where the arm is soon after.
    late = [float(np.abs(action[: -lag or None, :3] - place[lag:, :3]).mean()) for lag in range(4)]
    assert min(late) < 0.012
    assert int(np.argmin(late)) in (1, 2, 3)


def test_keys_start_move_save_discard_and_quit(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    interface = Keys(
        ("ready", "c"), *(("recording", "left"),) * 8, ("step 12", "s"),
        ("ready", "c"), ("step 3", "d"), ("ready", "q"),
    )  # fmt: skip
    with arm() as (env, _):
        done = record(env, path, interface, "keyboard")
    assert (done.saved, done.discarded) == (1, 1)
    store = EpisodeStore.open(path)
    assert store.n_episodes == 1
    assert store.read("agent_pos")[-1, 1] - store.read("agent_pos")[0, 1] > 0.02, "left is along y"


def test_by_hand_the_measured_poses_are_the_actions(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    with arm() as (env, servo):
        goals = iter(np.linspace(0.0, 0.08, 16))

        def push() -> None:
            state = servo.read()
            place = np.array([0.35, next(goals), 0.06])
            servo.hand(type(station_of(env).loop.commanded())(0.0, place, state.quaternion, 0.0))

        interface = Keys(("ready", "c"), *((("recording"), push),) * 16, ("step 18", "s"), ("ready", "q"))
        done = record(env, path, interface, "hand")
    assert done.saved == 1
    store = EpisodeStore.open(path)
    place, action = store.read("agent_pos"), store.read("action")
    assert place[-1, 1] > 0.05
    np.testing.assert_allclose(action[:-1, :3], place[1:, :3], atol=0.01)


FAULTS = ("frozen", "protective_stop", "disconnected", "crash", "kill", "stop key", "stale camera")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_arm_and_the_episode_so_far_is_kept(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    with arm(stale_s=0.3 if fault == "frozen" else PATIENT_S) as (env, servo):
        station = station_of(env)

        def fail() -> None:
            if fault == "stop key":
                station.loop.halt("emergency stop by the space bar")
            elif fault == "kill":
                os.kill(servo.pid or 0, signal.SIGKILL)
            elif fault == "stale camera":
                station.sensors.close()  # nothing new comes any more
            else:
                servo.fault(**{fault: True})

        interface = Keys(("ready", "c"), ("step 12", fail), ("STOPPED", "q"))
        done = record(env, path, interface)
        if fault not in ("crash", "kill"):
            time.sleep(STILL_WITHIN_S)
            still = servo.scene().tip
            time.sleep(0.3)
            assert math.dist(still, servo.scene().tip) < STILL_M
    assert len(done.faults) == 1
    assert done.unfinished_steps >= 9
    journal = Journal(path, {})
    unfinished = EpisodeStore.open(journal.unfinished)
    assert unfinished.n_steps == journal.n_steps == done.unfinished_steps
    assert np.isfinite(unfinished.read("action")).all()
    assert not path.exists(), "half an episode is no demonstration until a person says so"


def test_after_a_fault_the_person_resets_keeps_the_episode_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    with arm() as (env, servo):
        interface = Keys(
            ("ready", "c"), ("step 8", lambda: servo.fault(protective_stop=True)), ("STOPPED", "f"),
            ("not saved", "s"), ("ready", "c"), ("step 5", "s"), ("ready", "q"),
        )  # fmt: skip
        done = record(env, path, interface)
    assert (done.saved, len(done.faults)) == (2, 1)
    assert EpisodeStore.open(path).n_episodes == 2


def test_a_stop_between_episodes_holds_until_it_is_reset(tmp_path: Path) -> None:
    """The key that starts an episode does not end a fault."""
    with arm() as (env, _):
        loop = station_of(env).loop
        interface = Keys(
            ("ready", lambda: loop.halt("emergency stop by the space bar")), ("STOPPED", "c"), ("STOPPED", "f"),
            ("ready", "c"), ("step 5", "s"), ("ready", "q"),
        )  # fmt: skip
        done = record(env, tmp_path / "demos.zarr", interface)
    assert (done.saved, done.faults) == (1, ())


def test_a_session_that_asks_nobody_does_not_begin_on_an_unfinished_episode(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    row = {"agent_pos": np.zeros(10, np.float32), "environment_state": np.zeros(5, np.float32)}
    Journal(path, {}).add({**row, "action": np.zeros(10, np.float32)})
    timing, plan = ExecutionConfig(TASK.rate_hz), DeploymentPlan(1, 0, unattended=True, max_s=1.0)
    with arm() as (env, _):
        with pytest.raises(DataError, match="1 steps of an unfinished episode: save or discard"):
            run_session(env, TASK, Still(), timing, Headless(), plan, Journal(path, {}))
        with pytest.raises(DataError, match="1 steps of an unfinished episode: save or discard"):
            record(env, path, Headless(), unattended=True, n_episodes=1)
    assert Journal(path, {}).n_steps == 1


class Still:
    """Stays where the arm was first seen; takes its time."""

    horizon = Horizon(n_obs_steps=2, horizon=10, n_action_steps=8)

    def __init__(self, takes_s: float = 0.0) -> None:
        self._takes_s = takes_s
        self._goal: NDArray[np.float32] | None = None

    def reset(self) -> None:
        self._goal = None

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        time.sleep(self._takes_s)
        if self._goal is None:
            place = observations["agent_pos"][0, -1, :3]
            self._goal = np.array([*place, 1, 0, 0, 0, -1, 0, 0], dtype=np.float32)
        return np.repeat(self._goal[None, None], 8, axis=1)


@pytest.mark.parametrize("mode", ["sync", "async", "ensemble"])
def test_a_policy_runs_until_the_person_ends_it(mode: Any, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.zarr", {})
    interface = Keys(("1.", "m"), ("2.", "d"))
    with arm() as (env, _):
        report = run_episode(env, TASK, Still(0.05), ExecutionConfig(TASK.rate_hz, mode), interface, 0, journal)
        assert station_of(env).loop.fault is None
    assert (report.ended_by, report.quits, report.fault) == ("person", False, None)
    assert not report.outcome["is_success"], "on the twin its own rule decides"
    row = report.as_json()
    assert row["policy"]["inference_s"]["p50"] >= 0.05
    assert row["policy"]["n_late"] == 0
    assert report.execution_s is None, "it stood still"
    assert report.n_steps == journal.n_steps >= 10
    n_chunks = {"sync": 2, "async": 2, "ensemble": 8}[mode]
    assert row["policy"]["inference_s"]["n"] >= n_chunks
    if mode == "async":
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
    assert len(reports) == 1, "nobody is there to reset it"
    assert reports[0].ended_by == "fault"
    assert reports[0].fault
    assert EpisodeStore.open(tmp_path / "run.zarr").n_steps == reports[0].n_steps >= 5


def test_a_run_goes_on_after_a_stop_and_reports_only_the_episodes_own_ticks() -> None:
    taken: list[float] = []
    with arm() as (env, servo):

        def cut() -> None:
            servo.fault(disconnected=True)

        interface = Keys(
            ("ready", "c"), ("0.5 s", cut), ("STOPPED", "f"), ("still stopped: the link", lambda: taken.append(1.0)),
            ("STOPPED", lambda: servo.fault(disconnected=False)), ("STOPPED", "f"), ("ended by fault", "c"),
            ("0.5 s", "d"), ("ended by person", lambda: time.sleep(1.0)), ("ended by person", "q"),
        )  # fmt: skip
        reports = run_session(
            env, TASK, Still(), ExecutionConfig(TASK.rate_hz), interface, DeploymentPlan(3, 0, unattended=False)
        )
    assert [report.ended_by for report in reports] == ["fault", "person"]
    assert taken, "why it cannot be reset is said"
    assert reports[1].loop.n_ticks < 125 * (reports[1].duration_s + 0.5)


def test_a_policy_that_raises_is_heard_and_the_arm_holds() -> None:
    class Broken(Still):
        def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
            raise ConfigError("these weights are made of glass")

    with arm() as (env, _):
        with pytest.raises(ConfigError, match="made of glass"):
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
    assert report.ended_by == "person"
    places = np.stack([waypoint.position for waypoint in shown])
    assert np.ptp(places, axis=0).max() > 0.05, "it would have gone somewhere"


def test_a_task_without_an_arm_is_named() -> None:
    env = gym.make("dpbench/Avoid-v0")
    with pytest.raises(ConfigError, match="Avoid-v0 is not a task for an arm"):
        station_of(env)
    env.close()
