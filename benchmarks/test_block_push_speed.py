"""Block push's time for a step against MuJoCo's own for the same step, in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.block_push.demonstrator import BlockPushDemonstrator
from dpbench.envs.block_push.scene import TABLETOP, model_xml
from dpbench.envs.block_push.task import RATE_HZ
from dpbench.policies.noise import NoiseStreams

SEED = 1


def demonstrate(env: Any) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]]:
    """Start state, actions and velocities (m/s) of a demonstration, so that the contacts are realistic."""
    observation, _ = env.reset(seed=SEED)
    start = env.get_state()
    policy, noise = BlockPushDemonstrator(), NoiseStreams.from_seeds(0, [SEED])
    actions, targets, over = [], [observation["environment_state"][6:8]], False
    while not over:
        actions.append(policy.act({key: value[None, None] for key, value in observation.items()}, noise)[0, 0])
        observation, _, over, _, _ = env.step(actions[-1])
        targets.append(observation["environment_state"][6:8])
    return start, np.stack(actions), RATE_HZ * np.diff(np.stack(targets).astype(np.float64), axis=0)


def step_env(env: Any, start: NDArray[np.float64], actions: NDArray[np.float32]) -> None:
    env.set_state(start)
    for action in actions:
        env.step(action)


def step_mujoco(model: Any, data: Any, start: NDArray[np.float64], velocities: NDArray[np.float64]) -> None:
    mujoco.mj_setState(model, data, start, mujoco.mjtState.mjSTATE_INTEGRATION)
    for velocity in velocities:
        data.ctrl[:] = velocity
        mujoco.mj_step(model, data, TABLETOP.substeps)


def test_mujoco_alone(measure: Callable[..., None]) -> None:
    start, _, velocities = demonstrate(gym.make("dpbench/BlockPush-v1").unwrapped)
    model = mujoco.MjModel.from_xml_string(model_xml(TABLETOP))
    physics = start[: mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)]
    data = mujoco.MjData(model)
    measure("block push in MuJoCo", step_mujoco, model, data, physics, velocities, rounds=15, warmup_rounds=2)


def test_block_push(measure: Callable[..., None]) -> None:
    env = gym.make("dpbench/BlockPush-v1").unwrapped
    start, actions, _ = demonstrate(env)
    measure("block push", step_env, env, start, actions, rounds=15, warmup_rounds=2)


def test_ratio(median: Callable[[str], float]) -> None:
    ratio = median("block push") / median("block push in MuJoCo")
    print(f"\nblock push: {ratio:.2f} times the time inside MuJoCo")
    assert ratio < 1.5
