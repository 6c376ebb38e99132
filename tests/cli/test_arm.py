"""`dpbench arm` on the digital twin in real time: check, record, train, run and evaluate."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import imageio.v3 as imageio
import pytest

from dpbench.cli import main, parser_for
from dpbench.cli.arm_actions.run import execution_config
from dpbench.data.episodes import EpisodeStore
from dpbench.errors import DataError

SCENE = 100_001
"""Seed of the scene that is recorded and run."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder to which a test writes everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DPBENCH_DATA", "data")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_check_prints_what_was_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["arm", "check", "--move", "--json", "--picture", "view.png"])
    checks = {check["name"]: check for check in printed(capsys)}
    names = ["driver", "limits", "arm", "camera", "pictures", "pose", "control loop", "execution latency"]
    assert list(checks) == [*names, "emergency stop"]
    # The figures of the control loop depend on the load of the machine.
    assert all(check["passed"] for name, check in checks.items() if name not in ("control loop", "pictures"))
    assert 0.0 <= checks["execution latency"]["values"]["execution_latency_s"] < 0.3
    assert checks["emergency stop"]["values"]["refused"]
    assert imageio.imread(folder / "view.png").shape == (384, 384, 3)


def test_check_measures_what_was_injected_and_fails_with_advice(
    folder: Path,  # noqa: ARG001
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["arm", "check", "--json", "--driver-option", "latency_s=0.15"]) == 1
    checks = {check["name"]: check for check in printed(capsys)}
    loop = checks["control loop"]
    assert not loop["passed"]
    assert "wired network" in loop["advice"]
    assert loop["values"]["state_age_s"]["p50"] > 0.14
    assert checks["emergency stop"]["passed"] is None, "without --move the arm does not move"


def test_check_continues_without_camera_and_checkpoint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "table.toml").write_text(
        'driver = "ur-rtde"\ncamera = "opencv"\n[driver_options]\naddress = "127.250.250.250"\n'
        '[camera_options]\nsource = "none.mp4"\nheight_px = 96\nwidth_px = 96\n'
    )
    more = ["--picture", "view.png", "--checkpoint", "none"]
    assert main(["arm", "check", "--station", "table.toml", *more, "--json"]) == 1
    checks = {check["name"]: check for check in printed(capsys)}
    assert [name for name, check in checks.items() if not check["passed"]] == ["arm", "camera", "inference"]
    assert all(checks[name]["advice"] for name in ("arm", "camera", "inference"))
    assert not (folder / "view.png").exists()


def test_record_train_run_and_evaluate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three demonstrations of one scene, a small policy, and the same scene: it pushes the block to the target."""
    (folder / "patient.toml").write_text("stale_s = 2.0")  # a loaded machine may slow down the twin
    station = ["--station", "patient.toml", "--view", "none"]
    for number in range(3):
        seed = str(SCENE - number)  # a session counts up from the number of stored episodes
        assert main(["arm", "record", *station, "--operator", "script", "--episodes", "1", "--seed", seed]) == 0
    store = EpisodeStore.open(folder / "data" / "RealArm-v0.zarr")
    assert store.n_episodes == 3
    starts = store.read("environment_state")[[0, *store.episode_ends[:-1].tolist()]]
    assert (abs(starts - starts[0]) < 1e-3).all(), "one scene"
    sizes = (
        "n_steps=1500",
        "warmup_steps=50",
        "dropout=0",
        "width=256",
        "n_obs_steps=1",
        "horizon=8",
        "n_action_steps=4",
    )
    settings = [word for size in sizes for word in ("--set", size)]
    train = ["train", "mlp-bc", "--task", "dpbench/RealArm-v0", *settings, "--rollouts", "0", "--out", "policy"]
    assert main([*train, "--threads", "1"]) == 0
    capsys.readouterr()

    run = ["arm", "run", "policy", *station, "--episodes", "2", "--max-s", "15", "--out", "run", "--json"]
    main([*run, "--seed", str(SCENE), "--video", "run.mp4", "--record", "kept.zarr"])
    document = printed(capsys)
    summary, first = document["summary"], document["episodes"][0]
    assert first["seed"] == SCENE
    # On a loaded machine chunks are late and the time may run out; an untrained policy does not move the block at all.
    assert first["outcome"]["progress"] > 0.3, first
    assert first["ended_by"] == ("success" if first["outcome"]["is_success"] else "time limit")
    assert summary["n_episodes"] == 2
    for name in ("observation_latency_s", "inference_latency_s", "execution_latency_s", "tick_interval_s"):
        assert 0.0 < summary[name]["p50"] <= summary[name]["p95"] <= summary[name]["p99"] < 1.0, name
    assert summary["n_ticks"] > 100
    assert document["provenance"]["versions"]
    lines = (folder / "run" / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [SCENE, SCENE + 1]
    assert (folder / "run" / "report.json").exists()
    assert imageio.imread(folder / "run" / "latencies.png").ndim == 3
    video = cv2.VideoCapture(str(folder / "run.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) > 20
    kept = EpisodeStore.open(folder / "kept.zarr")
    states = kept.read("environment_state")
    start, end = states[0], states[int(kept.episode_ends[0]) - 1]
    assert math.dist(end[:2], end[3:5]) < 0.8 * math.dist(start[:2], start[3:5])

    assert main(["evaluate", "policy", "--episodes", "2", "--workers", "1", "--json"]) == 0
    assert 0.0 <= printed(capsys)["summary"]["success"]["mean"] <= 1.0


def test_a_dry_run_writes_its_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["arm", "run", "demonstrator", "--task", "RealArm", "--dry-run", "--view", "none", "--json"]
    limits = ["--limit", "speed_m_s=0.05", "--seed", str(SCENE)]
    main([*arguments, *limits, "--out", "dry", "--max-s", "3"])
    assert printed(capsys)["dry_run"]
    commands = [json.loads(line) for line in (folder / "dry" / "commands.jsonl").read_text().splitlines()]
    assert len(commands) > 50
    steps = [math.dist(one["position"], two["position"]) for one, two in itertools.pairwise(commands)]
    assert max(steps) <= 0.05 / 125 * 1.001, "the limit of the command line"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--station", "none.toml"], "station file none.toml is missing"),
        (["check", "--station", "broken.toml"], "is not valid TOML"),
        (["check", "--station", "unknown.toml"], "unknown key colour; known keys are driver"),
        (["check", "--driver", "ur-rdte"], "did you mean ur-rtde"),
        (["check", "--driver", "ur-rtde"], "does not accept|address"),
        (["check", "--limit", "sped_m_s=1"], "unknown key sped_m_s"),
        (["check", "--task", "pusht"], "is not a task for an arm|does not accept"),
        (["run", "policy", "--view", "none"], "policy"),
        (["run", "hold", "--view", "none"], "does not know its task"),
        (["record", "--operator", "script", "--task", "RealArmImage", "--view", "none"], "no scripted demonstrator"),
        (["record", "--view", "none"], "no episode could be started"),
        (["check", "--kinematics", "path=none.urdf", "--kinematics", "tool=tool0"], "joint_limits|none.urdf"),
        (["check", "--driver-option", "latency_s=soon"], "must be real number"),
        (["record", "--view", "terminal"], "neither a screen nor a terminal"),
    ],
)
def test_invalid_arguments_are_one_line(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.toml").write_text("driver = ")
    (folder / "unknown.toml").write_text("colour = 1")
    assert main(["arm", *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert any(part in error for part in message.split("|")), error


def test_execution_is_chosen_by_new_and_old_flags(capsys: pytest.CaptureFixture[str]) -> None:
    parse = parser_for(["arm"]).parse_args
    run = ["arm", "run", "policy", "--view", "none"]
    old, new = parse([*run, "--mode", "sync", "--execution-s", "auto"]), parse([*run, "--execution", "sync"])
    assert old.execution == new.execution == "sync"
    assert (old.execution_latency, new.execution_latency) == ("auto", 0.0)
    config = execution_config(parse(run), "0.5", 10.0)
    assert (config.execution, config.decay) == ("ensemble", 0.5)
    assert execution_config(parse(run), None, 10.0).execution == "async"
    demonstrator = ["arm", "run", "demonstrator", "--task", "RealArm", "--view", "none", "--mode", "sync"]
    assert main([*demonstrator, "--temporal-ensemble", "0.01"]) == 2
    assert "leave one of them out" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_terminated_session_keeps_the_episode_and_stops_the_arm(folder: Path) -> None:
    command = ["record", "--operator", "script", "--view", "none", "--out", "demos.zarr"]
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from dpbench.cli import main; sys.exit(main())", "arm", *command],
        cwd=folder, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until, steps = time.monotonic() + 60.0, 0
    while steps < 5:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
        with contextlib.suppress(DataError):
            steps = EpisodeStore.open(folder / "demos.unfinished.zarr").n_steps
    process.terminate()
    _, stderr = process.communicate(timeout=30.0)  # returns once the twin has ended, too
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in stderr
    assert EpisodeStore.open(folder / "demos.unfinished.zarr").n_steps >= 5
