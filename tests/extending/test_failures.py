"""Policies and environments of plug-ins that fail: one line says who, where and what, and the rest goes on."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from shutil import copytree

import pytest

from dpbench.cli import main
from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.evaluate import evaluate
from dpbench.errors import DpbenchError, PolicyError
from dpbench.evaluation.rollout import Frames, parallel_rollout
from dpbench.policies.opening import describe_policy, open_policy
from dpbench.records.store import read_all
from dpbench.tasks import load_task

from . import bad_robots
from .strangers import Strangers, installed

pytestmark = pytest.mark.filterwarnings("ignore")  # of Gymnasium, about the environments
POINTS = "[dpbench.tasks]\nx = bad_robots:TASKS\n[dpbench.baselines]\nx = bad_robots:BASELINES\n"
ENDS = ("ends", "crashes", "hangs")
"""In the command's own process these cannot be caught."""
ZOO = Path(__file__).parents[2] / "zoo"


@pytest.fixture(scope="module", autouse=True)
def robots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    with installed(tmp_path_factory.mktemp("site")) as strangers:
        strangers.add("bad_robots", Path(bad_robots.__file__).read_text(), points=POINTS)
        yield strangers


def run(policy: str = "policy-good", task: str = "bad_robots/good-v0", n_workers: int = 1) -> int:
    spec = load_task(task)
    described = describe_policy(policy, task)
    trials = resolve(Cell(policy, task, sampler_seeds=(0,))).trials
    return len(parallel_rollout(partial(open_policy, described), task, spec.starts(), trials, n_workers))


def failure(policy: str = "policy-good", task: str = "bad_robots/good-v0", n_workers: int = 1) -> str:
    with pytest.raises(DpbenchError) as caught:
        run(policy, task, n_workers)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 400
    return line


@pytest.mark.parametrize("name", sorted(bad_robots.WORKS))
def test_numbers_of_the_right_shape_are_actions(name: str) -> None:
    assert run(f"policy-{name}") == 3


SAID = {
    "raise": "act() raised ValueError: act fails in two lines (bad_robots.py, line ",
    "key": "act() raised KeyError: 'agent' (bad_robots.py, line ",
    "two-arguments": "act() raised TwoArgumentsError: 1 2 (bad_robots.py, line ",
    "exit": "act() raised SystemExit: 0 (bad_robots.py, line ",
    "none": "act() returned a NoneType, expected a numpy array (B, Ta, Da) = (3, 2, 2).",
    "short": "act() returned an array of shape (3, 1, 2), expected (B, Ta, Da) = (3, 2, 2).",
    "objects": "act() returned an array of object, expected float32 (B, Ta, Da) = (3, 2, 2).",
    "nan": "act() returned nan in action 0 of its chunk, expected finite numbers (B, Ta, Da) = (3, 2, 2).",
}


@pytest.mark.parametrize("name", sorted(set(bad_robots.ACTS) - bad_robots.WORKS - set(ENDS)))
def test_a_policy_that_fails_is_named_with_seed_and_step(name: str) -> None:
    line = failure(f"policy-{name}")
    one = {"nan": 11, "inf": 10, "overflow": 10}.get(name)  # which row is known of numbers that are not finite
    place = f"start seed {one}, sampler seed 0" if one else "start seed 10, sampler seed 0 and 2 more of its batch"
    assert line.startswith(f"{place}, step 5: act() r")
    assert SAID.get(name, "act() ") in line


def test_a_policy_that_cannot_be_made_or_reset_is_named() -> None:
    for name, said in (
        ("make", "policy-make cannot be described: RuntimeError: cannot be made (bad_robots.py, line "),
        ("no-horizon", "policy-no-horizon: its horizon is None, expected a Horizon."),
    ):
        with pytest.raises(PolicyError) as caught:
            describe_policy(f"policy-{name}", "bad_robots/good-v0")
        assert str(caught.value).startswith(said)
    with pytest.raises(PolicyError, match=r"policy-no-act: act\(\) is missing"):
        open_policy("policy-no-act", "bad_robots/good-v0")
    assert "before its first step: reset() raised RuntimeError: cannot be reset (bad" in failure("policy-reset")


OBSERVED = "the environment's observation 'agent_pos'"
WRONG_ENVS = {
    "reset": "start seed 11, before its first step: the environment raised RuntimeError: cannot be reset (bad",
    "step": "start seed 11, step 3: the environment raised ZeroDivisionError: cannot step (bad_robots.py, line ",
    "exit": "start seed 11, step 3: the environment raised SystemExit: 0 (bad_robots.py, line ",
    "nan": f"start seed 11, sampler seed 0, step 3: {OBSERVED} holds NaN or infinite numbers, expected float32",
    "inf": f"start seed 11, sampler seed 0, step 3: {OBSERVED} holds NaN or infinite numbers, expected float32",
    "nan-score": "start seed 11, sampler seed 0, step 3: the environment's info['progress'] is nan, expected a finite",
    "nan-reward": "start seed 11, sampler seed 0, step 3: the environment's reward is nan, expected a finite number.",
}


@pytest.mark.parametrize("name", sorted(set(bad_robots.ENVS) - {"good", "make", "no-success", "no-score"}))
def test_an_environment_that_fails_is_named_with_seed_and_step(name: str) -> None:
    line = failure(task=f"bad_robots/{name}-v0")
    assert line.startswith(WRONG_ENVS.get(name, "start seed 1"))
    assert ", step 3: " in line or name == "reset"


def test_a_picture_that_is_none_is_named_with_seed_and_step() -> None:
    task = load_task("bad_robots/good-v0")
    described = describe_policy("policy-good", task.id)
    trials = resolve(Cell("policy-good", task.id, sampler_seeds=(0,))).trials
    with pytest.raises(DpbenchError, match=r"start seed 11, .* step 1: .*render\(\) returned uint8 of shape \(3,\)"):
        parallel_rollout(partial(open_policy, described), task.id, task.starts(), trials, 1, frames=Frames())


@pytest.mark.parametrize("name", ["crashes", "raise"])
def test_a_worker_that_dies_is_told_and_leaves_no_process(name: str) -> None:
    said = {"crashes": "was ended by SIGKILL", "raise": "step 5: act() raised ValueError"}
    assert said[name] in failure(f"policy-{name}", n_workers=2)
    assert active_children() == []


def test_ctrl_c_ends_workers_that_hang() -> None:
    def interrupt() -> None:
        while not (active_children() and time.monotonic() > begun + 4):
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    begun = time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, shells ignore it
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run("policy-hangs", n_workers=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert active_children() == []
    assert time.monotonic() - begun < 60


def test_one_line_names_policy_and_task(capsys: pytest.CaptureFixture[str]) -> None:
    for policy, task, said in (
        (
            "policy-none",
            "good",
            "policy-none on bad_robots/good-v0: start seed 10, sampler seed 0, step 5: act() returned a",
        ),
        ("policy-make", "good", "policy-make cannot be described: RuntimeError: cannot be made"),
        ("policy-good", "make", "policy-good on bad_robots/make-v0: RuntimeError: no simulator (bad_robots.py, line "),
        (
            "policy-good",
            "step",
            "policy-good on bad_robots/step-v0: start seed 11, step 3: the environment raised",
        ),
    ):
        n_episodes = "1" if task == "good" else "2"
        command = ["evaluate", policy, "--task", f"bad_robots/{task}-v0", "--episodes", n_episodes, "--workers", "1"]
        assert main(command) == 2
        out, err = capsys.readouterr()
        last = err.strip().splitlines()[-1]
        assert out == ""
        assert last.startswith(f"error: {said}")


def test_a_comparison_goes_on_after_a_row_that_fails_and_tries_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo, records = tmp_path / "zoo", tmp_path / "records"
    copytree(ZOO / "PushTKeypoints-v0/mlp-bc", zoo / "PushTKeypoints-v0/mlp-bc")
    changes = {"unknown-method": {"baseline": "nobodys"}, "unknown-task": {"task": "bad_robots/gone-v0"}}
    for name in ("damaged", "unknown-method", "unknown-task", "broken-weights"):
        copytree(ZOO / "PushTKeypoints-v0/mlp-bc", zoo / name)
        path = zoo / name / "checkpoint.json"
        told = json.loads(path.read_text()) | changes.get(name, {"seed": 7})
        path.write_text("{" if name == "damaged" else json.dumps(told))
    next((zoo / "broken-weights").glob("*.safetensors")).write_bytes(b"no tensors")
    command = ["compare", "--zoo", str(zoo), "--records", str(records)]
    command += ["--episodes", "1", "--workers", "1", "--json", "--policies", "mlp-bc,hold,nobodys"]
    for time_ in (1, 2):
        assert main(command) == 1
        out, err = capsys.readouterr()
        rows = json.loads(out)
        failed = {row["policy"]: row["failed"] for row in rows if "failed" in row}
        assert set(failed) == {"damaged", "unknown-method", "unknown-task", "broken-weights"}
        assert {row["policy"] for row in rows if "failed" not in row} == {"mlp-bc", "hold"}
        assert [line for line in err.splitlines() if line.startswith("failed: ")] == [
            f"failed: {reason}" for reason in failed.values()
        ]
        assert "4 of 6 rows failed: damaged, " in err.splitlines()[-1]
        assert ("reused" in err) == (time_ == 2)
        assert len(read_all(records)) == 2
        assert "NaN" not in out


def test_what_cannot_be_compared_at_all_is_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "zoo/one").mkdir(parents=True)
    (tmp_path / "zoo/one/checkpoint.json").write_text("[]")
    assert main(["compare", "--zoo", str(tmp_path / "zoo"), "--records", str(tmp_path / "r")]) == 1
    captured = capsys.readouterr()
    assert "1 of 1 rows failed: one. The same command tries them again." in captured.err
    assert captured.out == ""


def test_an_evaluation_of_a_plug_in_is_like_any_other() -> None:
    cell = resolve(Cell("policy-good", "bad_robots/good-v0", sampler_seeds=(0,)))
    assert len(evaluate(cell, 1).record.episodes) == 3


def test_the_kinds_of_failures_are_counted() -> None:
    counts = {"policies": len(bad_robots.SCRIPTS) - len(bad_robots.WORKS), "environments": len(bad_robots.ENVS) - 1}
    print(counts)
    assert counts["policies"] >= 30
    assert counts["environments"] >= 15
