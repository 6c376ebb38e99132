"""The shared vocabulary."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from dpbench.errors import ActionError, ConfigError, TaskError, UnknownNameError
from dpbench.metrics.behaviour import Behaviour
from dpbench.registry import registry
from dpbench.spec import ActionSpec, Horizon, PublishedResults
from dpbench.tasks import load_task

ACTION = ActionSpec(("x", "y"), (0, 0), (1, 1), "m", "position", "world")


def test_the_executed_slice_begins_at_the_newest_observation() -> None:
    horizon = Horizon(n_obs_steps=2, horizon=16, n_action_steps=8)
    assert list(range(16))[horizon.executed] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (horizon.pad_before, horizon.pad_after) == (1, 7)


@pytest.mark.parametrize("values", [(0, 16, 8), (2, 0, 8), (2, 16, 0)])
def test_a_horizon_needs_steps(values: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Horizon(*values)


def test_execution_must_end_within_the_prediction() -> None:
    Horizon(2, 9, 8)
    with pytest.raises(ConfigError, match="reaches beyond horizon = 8"):
        Horizon(2, 8, 8)


def test_good_actions_pass_as_float64() -> None:
    assert ACTION.check(np.array([0.5, 2.0], dtype=np.float32)).dtype == np.float64
    assert ACTION.check([[1, 2], [3, 4]], (2,)).shape == (2, 2)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([1.0], r"shape \(1,\); expected finite numbers of shape \(2,\), x, y in m"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
        ([1.0, float("nan")], "NaN or infinite"),
        ([1.0, float("inf")], "NaN or infinite"),
        (["a", "b"], "not an array of numbers"),
        (None, r"shape \(\)|not an array"),
    ],
)
def test_bad_actions_are_named(action: object, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        ACTION.check(action)


def test_unknown_start_protocols_are_named() -> None:
    task = load_task("dpbench/PushT-v0")
    assert task.starts().seeds()[:2] == (100_000, 100_001)
    assert task.starts("legacy-4300000").seeds(1) == (4_300_000,)
    with pytest.raises(UnknownNameError, match="no start states named 'other'; it has legacy-100000"):
        task.starts("other")


@pytest.mark.parametrize("name", registry("task").names())
def test_every_part_of_a_task_is_what_it_says(name: str) -> None:
    task = load_task(name)
    for kind in task.parts:
        assert isinstance(task.part(kind), kind)


def test_a_task_without_a_part_has_none() -> None:
    assert load_task("dpbench/Avoid-v0").part(PublishedResults) is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("dpbench.envs.avoid.plans:behavior", "'dpbench.envs.avoid.plans:behavior' as its Behaviour.*no attribute"),
        ("dpbench.envs.avoid.plan:behaviour", "as its Behaviour, which cannot be imported: No module named"),
        ("dpbench.envs.avoid.plans:CLEAR_M", "expected a function of the task"),
        ("dpbench.envs.avoid.demonstrator:scripted", "returns ScriptedDemonstrator, expected Behaviour"),
        ("behaviour", "which cannot be imported"),
    ],
)
def test_a_misspelled_part_is_named(target: str, message: str) -> None:
    task = replace(load_task("dpbench/Avoid-v0"), parts={Behaviour: target})
    with pytest.raises(TaskError, match=message):
        task.part(Behaviour)


def test_reading_task_specs_imports_neither_simulators_nor_torch() -> None:
    code = (
        "import sys\n"
        "from dpbench.registry import registry\n"
        "from dpbench.tasks import load_task\n"
        "for name in registry('task').names(): load_task(name)\n"
        "print({'torch', 'mujoco', 'pymunk', 'robosuite', 'cv2', 'zarr', 'h5py', 'numba'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "set()", done.stderr
