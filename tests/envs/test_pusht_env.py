"""Push-T as a Gymnasium environment, single and batched."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import dpbench  # noqa: F401  # registers the environments
from dpbench.data.episodes import EpisodeStore
from dpbench.envs.pusht.env import PushTEnv
from dpbench.envs.pusht.vector_env import PushTVectorEnv
from dpbench.envs.pusht.world import ObsMode
from dpbench.errors import ActionError, ConfigError
from dpbench.spaces import flatten

IDS = ("dpbench/PushT-v0", "dpbench/PushTKeypoints-v0", "dpbench/PushTImage-v0")
LEGACY = {"draw": "legacy", "set_order": "legacy"}
UNAVOIDABLE = ("symmetric and normalized", "Nested observation spaces")


def near_goal(offset: float = 0.0) -> list[float]:
    return [100.0, 100.0, 256.0 + offset, 256.0, np.pi / 4]


def test_ids_work_with_the_module_prefix() -> None:
    assert gym.make("dpbench:dpbench/PushT-v0").spec is not None


@pytest.mark.parametrize(
    ("seed", "golden"),
    [
        (0, (222, 97, 222.993827, 381.599036, 3.007999)),
        (100_000, (235, 124, 299.612885, 145.201581, 5.378258)),
        (100_001, (365, 182, 234.934254, 304.512540, 5.185072)),
    ],
)
def test_published_start_states_are_met(seed: int, golden: tuple[float, ...]) -> None:
    observation, _ = gym.make("dpbench/PushT-v0").reset(seed=seed, options=LEGACY)
    found = np.concatenate([observation["agent_pos"], observation["environment_state"]])
    assert found == pytest.approx(golden, abs=1e-4)


def test_legacy_order_moves_the_block_and_exact_order_does_not() -> None:
    env, state = PushTEnv(), [0.0, 10.0, 20.0, 30.0, 1.0]
    moved, _ = env.reset(options={"state": state, "set_order": "legacy"})
    assert moved["environment_state"][:2] == pytest.approx([57.866, 50.686], abs=1e-3)
    env.reset(options={"state": state})
    assert env.get_state()[:5] == pytest.approx(state, abs=1e-12)


def test_success_ends_the_episode_and_info_says_so() -> None:
    env = PushTEnv()
    _, info = env.reset(options={"state": near_goal()})
    assert (info["is_success"], info["coverage"]) == (True, pytest.approx(1.0))
    _, reward, terminated, truncated, info = env.step(np.array([100.0, 100.0]))
    assert (reward, terminated, truncated, info["is_success"]) == (1.0, True, False, True)
    env.reset(options={"state": near_goal(offset=10.0)})
    _, reward, terminated, _, info = env.step(np.array([100.0, 100.0]))
    assert not terminated
    assert reward == pytest.approx(info["coverage"] / 0.95)


def test_out_of_contact_a_restored_state_has_the_same_future() -> None:
    env, twin = PushTEnv(), PushTEnv()
    env.reset(options={"state": [100.0, 100.0, 350.0, 350.0, 0.3]})
    env.step(np.array([150.0, 120.0]))
    twin.reset(seed=0)
    twin.set_state(env.get_state())
    for _ in range(5):
        env.step(np.array([200.0, 130.0]))
        twin.step(np.array([200.0, 130.0]))
        assert np.array_equal(env.get_state(), twin.get_state())


def test_keypoints_match_the_released_data(human_demonstrations: EpisodeStore) -> None:
    """Within the jitter of the few recorded steps whose pose and keypoints disagree: the median is compared."""
    env, store = PushTEnv("keypoints"), human_demonstrations
    rows = np.arange(0, store.n_steps, 500)
    agent, block, points = (store.gather(key, rows) for key in ("agent_pos", "block_pose", "keypoints"))
    errors = []
    for row in range(len(rows)):
        observation, _ = env.reset(options={"state": [*agent[row], *block[row]]})
        errors.append(np.abs(observation["environment_state"] - points[row]).max())
        order = env.keypoints_in_published_order()
        assert np.array_equal(order, np.concatenate([observation["environment_state"], observation["agent_pos"]]))
    assert np.median(errors) < 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drow": "legacy"}, "unknown reset option drow"),
        ({"draw": "old"}, "draw = 'old': expected uniform or legacy"),
        ({"state": [1.0, 2.0]}, "expected 5 finite numbers|expected 5 or 7 finite numbers"),
        ({"state": [1.0, 2.0, 3.0, 4.0, np.nan]}, r"state\[4\] = nan \(block angle\): expected a number from"),
    ],
)
def test_bad_reset_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PushTEnv().reset(seed=0, options=options)


def test_bad_constructor_arguments_and_early_steps_are_named() -> None:
    with pytest.raises(ConfigError, match="obs_mode = 'pixel'"):
        PushTEnv("pixel")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="render_mode = 'ansi'"):
        PushTEnv(render_mode="ansi")
    with pytest.raises(ConfigError, match="call reset"):
        PushTEnv().step(np.array([1.0, 2.0]))


@pytest.mark.parametrize("obs_mode", ["state", "keypoints", "image"])
def test_a_batch_gives_the_bits_of_single_environments(obs_mode: ObsMode) -> None:
    batch = PushTVectorEnv(3, obs_mode)
    singles = [PushTEnv(obs_mode) for _ in range(3)]
    observations, _ = batch.reset(seed=[1, 2, 3], options=LEGACY)
    for index, env in enumerate(singles):
        first, _ = env.reset(seed=index + 1, options=LEGACY)
        for key, value in flatten(first):
            assert np.array_equal(dict(flatten(observations))[key][index], value)
    rng = np.random.default_rng(0)
    for _ in range(30):
        actions = rng.uniform(0, 512, size=(3, 2)).astype(np.float32)
        observations, rewards, terminated, _, infos = batch.step(actions)
        for index, env in enumerate(singles):
            single, reward, done, _, info = env.step(actions[index])
            assert (rewards[index], terminated[index]) == (reward, done)
            assert infos["coverage"][index] == info["coverage"]
            for key, value in flatten(single):
                assert np.array_equal(dict(flatten(observations))[key][index], value)


def batch(mode: AutoresetMode) -> PushTVectorEnv:
    """Two worlds: the first is solved at its first step, the second is truncated after three."""
    env = PushTVectorEnv(2, max_episode_steps=3, autoreset_mode=mode)
    env.reset(seed=0)
    env.reset(options={"state": near_goal(), "reset_mask": np.array([True, False])})
    return env


STAY = np.array([[100.0, 100.0], [100.0, 100.0]], dtype=np.float32)


def test_next_step_autoreset_spends_a_step_on_the_reset() -> None:
    env = batch(AutoresetMode.NEXT_STEP)
    assert env.step(STAY)[2].tolist() == [True, False]
    _, rewards, terminated, truncated, _ = env.step(STAY)
    assert rewards[0] == 0.0
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [False, False])
    assert env.step(STAY)[3].tolist() == [False, True]


def test_same_step_autoreset_returns_the_final_observation_beside_the_new_one() -> None:
    env = batch(AutoresetMode.SAME_STEP)
    observation, _, terminated, _, infos = env.step(STAY)
    assert terminated.tolist() == [True, False]
    assert infos["_final_obs"].tolist() == [True, False]
    final = infos["final_obs"][0]["environment_state"]
    assert final[:2] == pytest.approx([256, 256])
    assert not np.array_equal(observation["environment_state"][0], final)
    assert infos["final_info"]["is_success"].tolist() == [True, False]


def test_without_autoreset_a_finished_world_waits_for_its_mask() -> None:
    env = batch(AutoresetMode.DISABLED)
    env.step(STAY)
    with pytest.raises(ConfigError, match=r"episodes \[0\] are over"):
        env.step(STAY)
    env.reset(options={"reset_mask": np.array([True, False])})
    env.step(STAY)
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED


def test_make_vec_uses_the_batch_and_passes_the_time_limit() -> None:
    env = gym.make_vec("dpbench/PushTKeypoints-v0", num_envs=4)
    assert isinstance(env.unwrapped, PushTVectorEnv)
    observations, _ = env.reset(seed=0)
    assert observations["environment_state"].shape == (4, 18)
    assert env.observation_space.contains(observations)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda env: env.reset(seed=[1]), "1 seeds for 2 worlds"),
        (lambda env: env.reset(options={"reset_mask": np.array([False, False])}), "at least one True"),
        (lambda env: env.step(np.zeros((3, 2))), r"shape \(3, 2\)"),
        (lambda env: env.step(np.full((2, 2), np.nan)), "NaN"),
    ],
)
def test_bad_batches_are_named(call: Any, message: str) -> None:
    env = PushTVectorEnv(2)
    env.reset(seed=0)
    with pytest.raises((ConfigError, ActionError), match=message):
        call(env)
