"""Push-T's speed against gym-pusht's, in the same run: `pytest benchmarks -s --benchmark-columns=median,ops`.

Both step through the same actions from the same start. A ratio is one of medians.
"""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from dpbench.envs.pusht.env import PushTEnv
from dpbench.envs.pusht.vector_env import PushTVectorEnv

peer = pytest.importorskip("gym_pusht.envs.pusht")

START = [200.0, 120.0, 256.0, 230.0, 0.6]
N_STEPS = 100
N_ENVS = 50


def actions(n_envs: int | None = None) -> np.ndarray:
    """Random targets around the block: the finger touches it in about half of the steps."""
    rng = np.random.default_rng(0)
    shape = (N_STEPS, 2) if n_envs is None else (N_STEPS, n_envs, 2)
    return (256 + 90 * rng.standard_normal(shape)).clip(0, 512).astype(np.float32)


def run_single(env: gym.Env, options: dict) -> None:
    env.reset(seed=0, options=options)
    for action in actions():
        env.step(action)


def run_batch(env: gym.vector.VectorEnv) -> None:
    env.reset(seed=0)
    for action in actions(N_ENVS):
        env.step(action)


THEIR_MODES = {"state": "state", "image": "pixels_agent_pos"}


@pytest.mark.parametrize("obs_mode", THEIR_MODES)
class TestSingle:
    """One environment."""

    def test_gym_pusht(self, measure: Callable[..., None], obs_mode: str) -> None:
        env = peer.PushTEnv(obs_type=THEIR_MODES[obs_mode], render_mode="rgb_array")
        options = {"reset_to_state": START}
        measure(f"gym-pusht {obs_mode}", run_single, env, options, rounds=7)

    def test_dpbench(self, measure: Callable[..., None], obs_mode: str) -> None:
        env = PushTEnv(obs_mode)  # type: ignore[arg-type]
        options = {"state": START, "set_order": "legacy"}
        measure(f"dpbench {obs_mode}", run_single, env, options, rounds=7)


class TestBatch:
    """Fifty environments in one process."""

    def test_gym_pusht(self, measure: Callable[..., None]) -> None:
        make = [lambda: peer.PushTEnv(obs_type="state", render_mode="rgb_array")] * N_ENVS
        env = SyncVectorEnv(make, autoreset_mode=AutoresetMode.NEXT_STEP)
        measure("gym-pusht batch", run_batch, env, rounds=3)

    def test_dpbench(self, measure: Callable[..., None]) -> None:
        measure("dpbench batch", run_batch, PushTVectorEnv(N_ENVS), rounds=3)


@pytest.mark.parametrize(("mode", "at_least"), [("state", 8.0), ("image", 5.0), ("batch", 8.0)])
def test_ratio(median: Callable[[str], float], mode: str, at_least: float) -> None:
    """What the README states."""
    ours, theirs = median(f"dpbench {mode}"), median(f"gym-pusht {mode}")
    n_steps = N_STEPS * (N_ENVS if mode == "batch" else 1)
    print(f"\n{mode}: {n_steps / ours:,.0f} against {n_steps / theirs:,.0f} steps/s, {theirs / ours:.1f} times as fast")
    assert theirs / ours >= at_least
