"""Every installed task does what the harness relies on."""

from __future__ import annotations

import gymnasium as gym
import pytest
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from dpbench.checks import check_task, raise_on_failure
from dpbench.registry import registry

WITHOUT_STATE = "dpbench/RealArm"
"""An arm cannot be put into a state, and its twin cannot either."""


@pytest.mark.parametrize("name", registry("task").names())
def test_a_task_passes_its_checks(name: str) -> None:
    findings = check_task(name)
    raise_on_failure(findings)
    skipped = {finding.name for finding in findings if finding.passed is None}
    assert ("state" in skipped) == name.startswith(WITHOUT_STATE)


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize("name", [name for name in registry("task").names() if "Image" not in name])
def test_stable_baselines3s_checker_passes(name: str) -> None:
    env = gym.make(name, disable_env_checker=True).unwrapped
    check_for_sb3(env, skip_render_check=True)
    env.close()
