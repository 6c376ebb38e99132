"""A checkpoint keeps what the task's numbers meant, and is refused where they mean something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.baselines.mlp_bc import BASELINE, MlpBcConfig
from dpbench.data.normalise import Normaliser
from dpbench.errors import CheckpointError
from dpbench.nets.features import Features
from dpbench.policies.checkpoint import save_checkpoint
from dpbench.policies.networks import parameters_of
from dpbench.policies.opening import describe_policy
from dpbench.policies.task_meaning import check_meaning, meaning_of
from dpbench.registry import registry
from dpbench.tasks import load_task

TASK = load_task("dpbench/BlockPush-v0")
STATE = TASK.observations["environment_state"]


@pytest.mark.parametrize("name", registry("task").names())
def test_the_meaning_of_every_task_is_the_same_after_a_file(name: str) -> None:
    task = load_task(name)
    check_meaning(json.loads(json.dumps(meaning_of(task))), task)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            replace(TASK, action=replace(TASK.action, kind="position")),
            "kind = 'position' of 'action', .* now has 'delta'",
        ),
        (
            replace(TASK, action=replace(TASK.action, high=(1.0, 1.0))),
            r"high = \[1\.0, 1\.0\] of 'action', .* \[0\.1, 0\.1\]",
        ),
        (replace(TASK, action=replace(TASK.action, unit="px")), "unit = 'px' of 'action'"),
        (replace(TASK, action=replace(TASK.action, names=("dy", "dx"))), r"names = \['dy', 'dx'\]"),
        (
            replace(TASK, observations={**TASK.observations, "environment_state": replace(STATE, unit="px, rad")}),
            "unit = 'px, rad' of 'environment_state'",
        ),
        (
            replace(TASK, observations={"agent_pos": TASK.observations["agent_pos"]}),
            "trained with action, agent_pos, and",
        ),
    ],
)
def test_each_difference_is_named_with_both_sides(changed: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        check_meaning(meaning_of(changed), TASK)


def test_a_checkpoint_of_a_changed_task_is_refused_and_an_older_one_is_read(tmp_path: Path) -> None:
    module = BASELINE.build(MlpBcConfig(width=16, depth=1), Features.from_task(TASK))
    description: dict[str, Any] = {
        "baseline": "mlp-bc", "preset": "small", "task": TASK.id, "seed": 0, "step": 10,
        "config": {"width": 16, "depth": 1}, "n_parameters": parameters_of(module),
    }  # fmt: skip
    sizes = {"agent_pos": 2, "environment_state": 14, "action": 2}
    normalisers = {key: Normaliser(np.ones(n, np.float32), np.zeros(n, np.float32)) for key, n in sizes.items()}
    meaning = meaning_of(TASK)
    for told in ({}, {"meaning": meaning}):
        save_checkpoint(tmp_path, {**description, **told}, module.state_dict(), normalisers)
        assert describe_policy(str(tmp_path)).task_id == TASK.id
    scaled = {**meaning, "action": {**meaning["action"], "low": [-1.0, -1.0]}}
    save_checkpoint(tmp_path, {**description, "meaning": scaled}, module.state_dict(), normalisers)
    with pytest.raises(CheckpointError, match=r"checkpoint\.json: it was trained with low = \[-1\.0, -1\.0\]"):
        describe_policy(str(tmp_path))
