"""Speed of the robosuite tasks against robosuite's own environments, in the same run, with the same random actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments

pytest.importorskip("robosuite", reason="needs dpbench[robosuite]")

from dpbench.envs.robosuite_tasks.reference import make_robosuite
from dpbench.envs.robosuite_tasks.task import SCENES

N_STEPS = 50
TO_METRES = np.array([0.05] * 3 + [0.5] * 3 + [1.0])
AT_LEAST = {"Lift": 4.0, "Can": 2.0, "Square": 2.0}
"""Can and Square spend more of their time inside MuJoCo, where both do the same."""


def actions() -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (N_STEPS, 7))


def step_theirs(env: Any) -> None:
    for action in actions():
        env.step(action)


def step_ours(env: Any) -> None:
    for action in actions() * TO_METRES:
        env.step(action)


@pytest.mark.parametrize("name", AT_LEAST)
def test_robosuites_own(measure: Callable[..., None], name: str) -> None:
    env = make_robosuite(SCENES[name], hard_reset=False)

    def begin() -> tuple[tuple[Any], dict[str, Any]]:
        env.rng.bit_generator.state = np.random.default_rng(0).bit_generator.state
        env.reset()
        return (env,), {}

    measure(f"robosuite {name} steps", step_theirs, setup=begin, rounds=9)


@pytest.mark.parametrize("name", AT_LEAST)
def test_ours(measure: Callable[..., None], name: str) -> None:
    env: Any = gym.make(f"dpbench/{name}-v0").unwrapped

    def begin() -> tuple[tuple[Any], dict[str, Any]]:
        env.reset(seed=0)
        return (env,), {}

    measure(f"{name} steps", step_ours, setup=begin, rounds=9)


@pytest.mark.parametrize("name", AT_LEAST)
def test_ratio(median: Callable[[str], float], name: str) -> None:
    ours, theirs = median(f"{name} steps"), median(f"robosuite {name} steps")
    print(f"\n{name}: {N_STEPS / ours:,.0f} against {N_STEPS / theirs:,.0f} steps/s, {theirs / ours:.1f} times as fast")
    assert theirs / ours > AT_LEAST[name]
