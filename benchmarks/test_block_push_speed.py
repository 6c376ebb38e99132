"""Block push's speed beside the time that MuJoCo itself needs for the same steps, in the same run."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.block_push.demonstrator import BlockPushDemonstrator
from dpbench.envs.block_push.scene import SUBSTEPS, model_xml
from dpbench.policies.noise import NoiseStreams

SEED = 1
MEDIANS: dict[str, float] = {}


def demonstrate(env: Any) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]]:
    """The physics state of the start, the actions of a demonstration, and its targets: contacts as they come in use."""
    observation, _ = env.reset(seed=SEED)
    start = env.get_state()
    policy, noise = BlockPushDemonstrator(), NoiseStreams.from_seeds(0, [SEED])
    actions, targets, over = [], [], False
    while not over:
        actions.append(policy.act({key: value[None, None] for key, value in observation.items()}, noise)[0, 0])
        observation, _, over, _, _ = env.step(actions[-1])
        targets.append(observation["environment_state"][6:8])
    return start, np.stack(actions), np.stack(targets).astype(np.float64)


def step_env(env: Any, start: NDArray[np.float64], actions: NDArray[np.float32]) -> None:
    env.set_state(start)
    for action in actions:
        env.step(action)


def step_mujoco(model: Any, data: Any, start: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
    mujoco.mj_setState(model, data, start, mujoco.mjtState.mjSTATE_INTEGRATION)
    for target in targets:
        data.ctrl[:] = target
        mujoco.mj_step(model, data, SUBSTEPS)


def test_mujoco_alone(benchmark: BenchmarkFixture) -> None:
    start, _, targets = demonstrate(gym.make("dpbench/BlockPush-v0").unwrapped)
    model = mujoco.MjModel.from_xml_string(model_xml())
    physics = start[: mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)]
    benchmark.pedantic(step_mujoco, (model, mujoco.MjData(model), physics, targets), rounds=15, warmup_rounds=2)
    MEDIANS["floor"] = benchmark.stats.stats.median


def test_block_push(benchmark: BenchmarkFixture) -> None:
    env = gym.make("dpbench/BlockPush-v0").unwrapped
    start, actions, _ = demonstrate(env)
    benchmark.pedantic(step_env, (env, start, actions), rounds=15, warmup_rounds=2)
    median = benchmark.stats.stats.median
    ratio = median / MEDIANS["floor"]
    print(f"\nblock push {len(actions) / median:,.0f} steps/s; {ratio:.2f} x the time inside MuJoCo")
    assert ratio < 1.5
