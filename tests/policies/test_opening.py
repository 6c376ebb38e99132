"""Policies are described from JSON alone and opened by one call, whatever their source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dpbench.baselines.mlp_bc import BASELINE, MlpBcConfig
from dpbench.comparison.cells import Cell, resolve
from dpbench.data.normalise import Normaliser
from dpbench.errors import CheckpointError, ConfigError, UnknownNameError
from dpbench.nets.features import Features
from dpbench.policies.checkpoint import save_checkpoint
from dpbench.policies.checkpoint_description import CHECKPOINT_JSON
from dpbench.policies.networks import parameters_of
from dpbench.policies.opening import describe_policy, open_policy
from dpbench.policies.policy_source import PolicyDescription
from dpbench.spec import Horizon
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")


def checkpoint(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    module = BASELINE.build(MlpBcConfig(width=16, depth=1), Features.from_task(TASK))
    description = {
        "baseline": "mlp-bc", "preset": "small", "task": TASK.id, "seed": seed, "step": 10,
        "config": {"width": 16, "depth": 1}, "n_parameters": parameters_of(module),
    }  # fmt: skip
    keys = {"agent_pos": 2, "environment_state": 3, "action": 2}
    normalisers = {key: Normaliser(np.ones(n, np.float32), np.zeros(n, np.float32)) for key, n in keys.items()}
    save_checkpoint(folder, description, module.state_dict(), normalisers)
    return folder


def test_a_checkpoint_is_described_without_its_weights(tmp_path: Path) -> None:
    whole = describe_policy(str(checkpoint(tmp_path)))
    (tmp_path / "weights-10.safetensors").unlink()
    assert describe_policy(str(tmp_path)) == whole
    assert list(whole.identity) == [
        "baseline", "preset", "config", "checkpoint_sha256", "seed", "step", "n_parameters"
    ]  # fmt: skip
    assert (whole.source, whole.baseline, whole.task_id) == ("checkpoint", "mlp-bc", TASK.id)


def test_an_older_checkpoint_without_a_count_has_the_same_identity(tmp_path: Path) -> None:
    whole = describe_policy(str(checkpoint(tmp_path)))
    path = tmp_path / CHECKPOINT_JSON
    told = json.loads(path.read_text())
    del told["n_parameters"]
    path.write_text(json.dumps(told))
    assert describe_policy(str(tmp_path)) == whole


def test_weights_that_were_replaced_after_the_description_are_refused(tmp_path: Path) -> None:
    described = describe_policy(str(checkpoint(tmp_path)))
    checkpoint(tmp_path, seed=1)
    with pytest.raises(CheckpointError, match="replaced since the command started"):
        open_policy(described)


def test_a_folder_beside_is_a_checkpoint_and_a_bare_word_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path / "hold")
    assert describe_policy("hold", TASK.id).source == "scripted"
    monkeypatch.chdir(tmp_path)
    assert describe_policy("hold").source == "checkpoint"
    assert describe_policy("scripted:hold", TASK.id).source == "scripted"
    assert describe_policy(f"checkpoint:{tmp_path / 'hold'}").identity == describe_policy("hold").identity
    with pytest.raises(CheckpointError, match=r"holds no checkpoint\.json"):
        describe_policy(os.path.join("no", "where"))


def test_options_change_horizon_and_identity_and_the_policy_agrees(tmp_path: Path) -> None:
    text, options = str(checkpoint(tmp_path)), {"latency_steps": "3", "temporal_ensemble": "0.01"}
    for chosen in ({}, {"latency_steps": "3"}, {"temporal_ensemble": "0.01"}, options):
        described = describe_policy(text, options=chosen)
        assert open_policy(described).horizon == described.horizon
    assert described.horizon == Horizon(5, 16, 1)
    assert (described.identity["latency_steps"], described.identity["temporal_ensemble"]) == (3, 0.01)
    with pytest.raises(ConfigError, match="expected a number, such as"):
        describe_policy(text, options={"temporal_ensemble": "x"})
    with pytest.raises(ConfigError, match="expected a decay of 0 or more"):
        describe_policy(text, options={"temporal_ensemble": "-1"})


def test_a_source_that_is_not_installed_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown policy_source 'sb4'; did you mean sb3"):
        describe_policy("sb4:model.zip", TASK.id)


STRANGER = """
import json
from types import SimpleNamespace
import numpy as np
from dpbench.policies.policy_source import PolicyDescription, named_task
from dpbench.spec import Horizon

class Constant:
    def describe(self, reference, task_id, options):
        identity = {
            "baseline": "constant", "preset": None, "config": {"value": float(reference)}, "n_parameters": 0,
            "checkpoint_sha256": None,
        }
        task = named_task(reference, task_id)
        return PolicyDescription("constant", reference, "constant", task.id, Horizon(1, 1, 1), identity)

    def open(self, description, device, micro_batch):
        value = np.float32(description.reference)
        act = lambda observations, noise: np.full((len(noise), 1, 2), value, np.float32)
        return SimpleNamespace(horizon=description.horizon, reset=lambda: None, act=act)

SOURCE = Constant()
SOURCES = {"constant": "strangers_source:SOURCE"}
"""


def test_another_source_is_a_file_and_an_entry_point(tmp_path: Path) -> None:
    (tmp_path / "strangers_source.py").write_text(STRANGER)
    (tmp_path / "stranger-0.1.dist-info").mkdir()
    (tmp_path / "stranger-0.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 0.1\n")
    (tmp_path / "stranger-0.1.dist-info/entry_points.txt").write_text(
        "[dpbench.policy_sources]\nstranger = strangers_source:SOURCES\n"
    )
    command = ["evaluate", "constant:0.5", "--task", "pusht", "--episodes", "2", "--workers", "2", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "dpbench.cli", *command],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["cell"]["policy"]["config"] == {"value": 0.5}
    assert len(record["episodes"]["success"]) == 2


def test_a_source_that_says_too_little_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe(_: object, reference: str, task_id: str | None, options: dict[str, str]) -> PolicyDescription:  # noqa: ARG001
        return PolicyDescription("scripted", reference, reference, TASK.id, Horizon(1, 1, 1), {"baseline": reference})

    monkeypatch.setattr("dpbench.policies.sources.scripted.ScriptedSource.describe", describe)
    with pytest.raises(
        ConfigError, match=r"its source 'scripted' says of it cannot be recorded \(policy.preset: Field required\)"
    ):
        resolve(Cell("hold", TASK.id))
