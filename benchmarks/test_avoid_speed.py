"""Avoid's time for a step against MuJoCo's own for the same step, in the same run."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import mujoco
import numpy as np

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.avoid.scene import CLOSED, SUBSTEPS, model_xml

N_STEPS = 500
ACTIONS = np.stack([0.2 * np.sin(np.arange(N_STEPS) / 30), np.full(N_STEPS, 0.02)], axis=1).astype(np.float32)


def step_env(env: gym.Env) -> None:
    env.reset(seed=0)
    for action in ACTIONS:
        env.step(action)


def step_mujoco(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    mujoco.mj_resetData(model, data)
    for action in ACTIONS:
        data.ctrl[:] = action
        mujoco.mj_step(model, data, SUBSTEPS)


def test_mujoco_alone(measure: Callable[..., None]) -> None:
    model = mujoco.MjModel.from_xml_string(model_xml(CLOSED))
    measure("Avoid in MuJoCo", step_mujoco, model, mujoco.MjData(model), rounds=9)


def test_avoid(measure: Callable[..., None]) -> None:
    measure("Avoid", step_env, gym.make("dpbench/Avoid-v1").unwrapped, rounds=9)


def test_ratio(median: Callable[[str], float]) -> None:
    ours, mujocos = median("Avoid"), median("Avoid in MuJoCo")
    print(f"\nAvoid: {N_STEPS / ours:,.0f} steps/s, {ours / mujocos:.1f} times the time inside MuJoCo")
    assert ours / mujocos < 6
