"""Avoid's speed beside the time that MuJoCo itself needs for the same steps, in the same run."""

from __future__ import annotations

import gymnasium as gym
import mujoco
import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.avoid.scene import SUBSTEPS, model_xml

N_STEPS = 500
ACTIONS = np.stack([0.2 * np.sin(np.arange(N_STEPS) / 30), np.full(N_STEPS, 0.02)], axis=1).astype(np.float32)
MEDIANS: dict[str, float] = {}


def step_env(env: gym.Env) -> None:
    env.reset(seed=0)
    for action in ACTIONS:
        env.step(action)


def step_mujoco(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    mujoco.mj_resetData(model, data)
    for action in ACTIONS:
        data.ctrl[:] = action
        mujoco.mj_step(model, data, SUBSTEPS)


def test_mujoco_alone(benchmark: BenchmarkFixture) -> None:
    model = mujoco.MjModel.from_xml_string(model_xml())
    benchmark.pedantic(step_mujoco, (model, mujoco.MjData(model)), rounds=9, warmup_rounds=1)
    MEDIANS["floor"] = benchmark.stats.stats.median


def test_avoid(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(step_env, (gym.make("dpbench/Avoid-v0").unwrapped,), rounds=9, warmup_rounds=1)
    median = benchmark.stats.stats.median
    print(f"\nAvoid {N_STEPS / median:,.0f} steps/s; {median / MEDIANS['floor']:.1f} x the time inside MuJoCo")
    assert median / MEDIANS["floor"] < 6
