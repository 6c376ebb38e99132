"""Recording sessions on the digital twin: keys, faults, and an episode on disk at every moment."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.arms.recording.goal_sources import HandGuided, ScriptedGoals, TeleoperatedGoals
from dpbench.arms.recording.journal import Journal
from dpbench.arms.recording.recording_session import RecordingPlan, RecordingResult, RecordingSession
from dpbench.arms.station import station_of
from dpbench.arms.teleoperation.interface import Headless
from dpbench.arms.teleoperation.teleoperators import KeyboardTeleop
from dpbench.data.episodes import EpisodeStore
from dpbench.errors import DataError
from dpbench.policies.demonstrator import scripted_demonstrator

from ..twin import PATIENT_S, PERIOD_S, STILL_M, STILL_WITHIN_S, TASK, Keys, arm


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
    # The arm is soon where it was commanded to be.
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


def test_guided_by_hand_the_measured_poses_are_the_actions(tmp_path: Path) -> None:
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
                station.sensors.close()  # no new samples
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
    assert not path.exists(), "an unfinished episode becomes a demonstration only when the operator saves it"


def test_after_a_fault_the_operator_resets_saves_the_episode_and_continues(tmp_path: Path) -> None:
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


def test_an_unattended_session_does_not_start_on_an_unfinished_episode(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    row = {"agent_pos": np.zeros(10, np.float32), "environment_state": np.zeros(5, np.float32)}
    Journal(path, {}).add({**row, "action": np.zeros(10, np.float32)})
    with arm() as (env, _), pytest.raises(DataError, match="1 steps of an unfinished episode: save or discard"):
        record(env, path, Headless(), unattended=True, n_episodes=1)
    assert Journal(path, {}).n_steps == 1


def test_an_unattended_session_resets_each_episode_once_and_renders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds, pictures = [], []
    with arm() as (env, _):
        reset, station = env.reset, station_of(env)

        def counted(*, seed: int) -> Any:
            seeds.append(seed)
            return reset(seed=seed)

        monkeypatch.setattr(env, "reset", counted)
        monkeypatch.setattr(station, "picture", lambda: pictures.append(1))
        done = record(env, tmp_path / "demos.zarr", Headless(), first_seed=100_001, n_episodes=1, unattended=True)
    assert done.saved == 1
    assert seeds == [100_001]
    assert not pictures
