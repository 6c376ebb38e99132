"""Baselines and tasks whose parts are not what they should be, after their import: one line, the rest goes on."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from dpbench.cli import main
from dpbench.comparison.cells import Cell, resolve
from dpbench.errors import PluginError
from dpbench.policies import opening

from .strangers import Strangers

BASELINES = """
import sys
from dataclasses import dataclass
from dpbench.baseline import Baseline, ChunkConfig, Preset, TrainingConfig
@dataclass(frozen=True)
class Sly(ChunkConfig):
    def __eq__(self, other): sys.exit(0)
    __hash__ = None
TRAINING = TrainingConfig(n_steps=1)
def made(name, presets): return Baseline(name, "none", presets, build=lambda config, features: sys.exit(0))
a_list = made("a-list", [1])
nothing = made("nothing", None)
a_number = made("a-number", {"small": 3})
no_dataclass = made("no-dataclass", {"small": Preset(object(), TRAINING)})
sly = made("sly", {"small": Preset(Sly(), TRAINING)})
TABLE = {name.replace("_", "-"): "odd:" + name for name in ("a_list", "nothing", "a_number", "no_dataclass", "sly")}
"""
LOUD = """
import io, os, sys
import numpy as np
from dpbench.policies.baseline import ScriptedPolicy
from dpbench.spec import Horizon
class Loud:
    horizon = Horizon(1, 1, 1)
    def reset(self): print("hello")
    def act(self, observations, noise):
        sys.stdout = io.StringIO()
        os.chdir("/")
        return np.zeros((len(noise), 1, 2), np.float32)
LOUD = ScriptedPolicy("loud", "none", lambda task: Loud())
TABLE = {"loud": "loud:LOUD"}
"""
TASKS = """
from dataclasses import replace
from dpbench.tasks import TaskEntry, load_task
BASE = load_task("dpbench/Avoid-v1")
START = BASE.evaluation[0]
CHANGES = {
    "starts-none": {"evaluation": None}, "starts-empty": {"evaluation": ()},
    "options": {"evaluation": (replace(START, reset_options={"x": object()}),)},
    "options-number": {"evaluation": (replace(START, reset_options=3),)},
    "superseded": {"superseded_by": object()},
}
SPECS = {f"odd/{name}-v0": replace(BASE, id=f"odd/{name}-v0", **change) for name, change in CHANGES.items()}
TABLE = {name: TaskEntry("odd:SPECS", "odd:Env", None, 10) for name in SPECS}
"""


@pytest.mark.parametrize("name", ["a-list", "nothing", "a-number", "no-dataclass", "sly"])
@pytest.mark.parametrize("command", ["train {} --task Avoid-v1", "check baseline {} --steps 0"])
def test_a_baseline_with_odd_presets_is_one_line(
    command: str, name: str, strangers: Strangers, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers.add("odd", BASELINES, "baselines")
    assert main(command.format(name).split()) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note:")]
    assert len(said) == 1
    assert said[0].startswith(f"error: baseline {name!r} of the plug-in odd fails: ")


def test_a_task_with_odd_fields_is_named_and_the_rest_goes_on(
    strangers: Strangers, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    strangers.add("odd", TASKS, "tasks")
    assert main(["tasks", "--json"]) == 0
    listed = {row["id"] for row in json.loads(capsys.readouterr().out)}
    assert "dpbench/Avoid-v1" in listed
    assert "odd/superseded-v0" not in listed
    assert "note: task 'odd/superseded-v0' of the plug-in odd fails: TypeError" in caplog.text


@pytest.mark.parametrize("name", ["starts-none", "starts-empty", "options", "options-number"])
def test_starts_that_are_no_starts_are_named_before_anything_runs(name: str, strangers: Strangers) -> None:
    strangers.add("odd", TASKS, "tasks")
    with pytest.raises(PluginError, match=f"task 'odd/{name}-v0' of the plug-in odd fails: "):
        resolve(Cell("hold", f"odd/{name}-v0"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_signal_that_ends_the_process_is_not_taken_for_an_error_of_a_policy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(opening, "check_policy", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    command = ["evaluate", "hold", "--task", "Avoid-v1", "--episodes", "1", "--workers", "1"]
    assert main([*command, "--video", str(tmp_path / "x.gif")]) == 128 + signal.SIGTERM
    assert "terminated by SIGTERM" in capsys.readouterr().err


def test_what_a_policy_does_to_the_streams_and_the_folder_is_set_back(
    strangers: Strangers, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    strangers.add("loud", LOUD, "baselines")
    before = Path.cwd()
    assert main(["evaluate", "loud", "--task", "Avoid-v1", "--episodes", "1", "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cell"]["policy"]["baseline"] == "loud"
    assert Path.cwd() == before
    for name in ("sys.stdout", "the working folder"):
        assert f"loud on dpbench/Avoid-v1 changed {name} while it ran; it was set back." in caplog.text
