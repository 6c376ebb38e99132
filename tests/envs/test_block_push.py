"""Block push: the environment's contract, the published rules, and the four orders of the demonstrator."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.block_push.demonstrations import delta_arrays, position_arrays, published_order
from dpbench.envs.block_push.demonstrator import ORDERS, BlockPushDemonstrator
from dpbench.envs.block_push.progress import Progress
from dpbench.envs.block_push.scene import TABLETOP
from dpbench.envs.block_push.starts import Start, draw_start
from dpbench.errors import ConfigError
from dpbench.evaluation.rollout import rollout, trials
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task

NAMES = ("dpbench/BlockPush-v1", "dpbench/BlockPushAbs-v1", "dpbench/BlockPushImage-v1")
OLD = "dpbench/BlockPush-v0"
APART = ((0.3, 0.2), (0.5, 0.2))


def demonstrate(seed: int, name: str = NAMES[0], noise_std_m: float = 0.0) -> tuple[dict[str, Any], Any, int]:
    """Last info, the plan and the length of one demonstration."""
    env: Any = gym.make(name).unwrapped
    observation, info = env.reset(seed=seed)
    policy = BlockPushDemonstrator("Abs" in name, noise_std_m)
    noise, length, over = NoiseStreams.from_seeds(0, [seed]), 0, False
    while not over and length < 350:
        action = policy.act({key: value[None, None] for key, value in observation.items()}, noise)[0, 0]
        observation, _, over, _, info = env.step(action)
        length += 1
    return info, policy._plans[0], length


def test_starts_have_the_published_distribution() -> None:
    rng = np.random.default_rng(0)
    starts = [draw_start(rng) for _ in range(2000)]
    blocks = np.array([start.blocks for start in starts])  # (2000, 2, 3)
    targets = np.array([start.targets for start in starts])
    assert (np.abs(blocks[..., :2] - (0.4, -0.2)) <= (0.1, 0.15)).all()
    assert (np.abs(blocks[:, 0, 0] - blocks[:, 1, 0]) > 0.1).all()
    assert 1.0 <= blocks[..., 2].min() < 1.1 < 3.0 < blocks[..., 2].max() <= math.pi
    np.testing.assert_allclose(np.abs(targets[..., 0] - 0.4), 0.12, atol=0.005)
    np.testing.assert_allclose(targets[..., 1], 0.2, atol=0.0075)
    assert (targets[:, 0, 0] - 0.4).min() < 0 < (targets[:, 0, 0] - 0.4).max()
    assert (np.sign(targets[:, 0, 0] - 0.4) == -np.sign(targets[:, 1, 0] - 0.4)).all()
    assert abs((targets[:, 0, 0] > 0.4).mean() - 0.5) < 0.05


def test_the_observation_is_the_published_one() -> None:
    env: Any = gym.make(NAMES[0]).unwrapped
    observation, _ = env.reset(seed=3)
    published = published_order(observation["agent_pos"], observation["environment_state"])
    assert published.shape == (16,)
    np.testing.assert_allclose(published[6:8], (0.3, -0.4), atol=1e-4)
    np.testing.assert_allclose(published[8:10], (0.3, -0.4), atol=1e-6)
    assert ((published[[2, 5, 12, 15]] >= 0) & (published[[2, 5, 12, 15]] < math.pi)).all()


def test_a_delta_moves_the_target_and_stops_at_the_workspace() -> None:
    env: Any = gym.make(NAMES[0]).unwrapped
    env.reset(seed=0)
    observation = env.step(np.array([0.03, -0.02], dtype=np.float32))[0]
    np.testing.assert_allclose(observation["environment_state"][6:8], (0.33, -0.42), atol=1e-6)
    for _ in range(20):
        observation = env.step(np.array([0.04, -0.04], dtype=np.float32))[0]
    np.testing.assert_allclose(observation["environment_state"][6:8], (0.70, -0.5), atol=1e-6)
    np.testing.assert_allclose(observation["agent_pos"], (0.70, -0.5), atol=1e-3)


def test_the_target_moves_by_four_centimetres_a_step_at_most_and_the_rod_behind_it() -> None:
    env: Any = gym.make(NAMES[1]).unwrapped
    last = env.reset(seed=0)[0]
    for _ in range(5):
        observation = env.step(np.array([0.7, 0.5], dtype=np.float32))[0]
        moved = observation["environment_state"][6:8] - last["environment_state"][6:8]
        assert np.hypot(*moved) == pytest.approx(TABLETOP.max_step_m, abs=1e-6)
        assert np.hypot(*(observation["agent_pos"] - last["agent_pos"])) < TABLETOP.max_step_m + 1e-3
        assert moved[0] / moved[1] == pytest.approx(0.4 / 0.9, rel=1e-3), "straight towards what is asked for"
        last = observation


def hostile(kind: int, state: NDArray[np.float32], effector: NDArray[np.float32], rng: np.random.Generator) -> Any:
    """A target that hits, shakes or squeezes blocks, or is anywhere; `(2,)` m."""
    block, other = state[0:2], state[3:5]
    return (
        block + 3 * (block - effector),
        block + rng.normal(0, 0.03, 2),
        rng.uniform((0.15, -0.5), (0.7, 0.5)),
        (block + other) / 2 + rng.normal(0, 0.02, 2),
        2 * other - block + 5 * (other - effector),
        rng.uniform(-9, 9, 2),
    )[kind]


def pushes_over_the_edge(rng: np.random.Generator) -> tuple[Start, NDArray[np.float64], NDArray[np.float64]]:
    """Two blocks in line before an edge of the workspace, where to push from, and a target beyond the edge."""
    way = np.array(((-1, 0), (1, 0), (0, -1), (0, 1))[rng.integers(4)], dtype=np.float64)
    edge = np.where(way == 0, rng.uniform((0.25, -0.4), (0.6, 0.4)), (0.425, 0.0) + way * (0.275, 0.5))
    first = edge - 0.15 * way
    second = first + rng.uniform(0.04, 0.06) * way
    yaws = (math.atan2(way[1], way[0]) + math.pi / 4 + rng.normal(0, 0.02, 2)) % math.pi  # diagonals in line
    blocks = ((first[0], first[1], yaws[0]), (second[0], second[1], yaws[1]))
    return Start(blocks, ((0.3, 0.2, 0.0), (0.5, 0.2, 0.0))), first - 0.045 * way, edge + way


def test_blocks_stay_on_the_table_and_slow_whatever_the_arm_does() -> None:
    """20,400 hostile steps: every observation in its space, no block faster than 0.8 m/s."""
    env: Any = gym.make(NAMES[1]).unwrapped
    rng, n_steps, fastest = np.random.default_rng(0), 0, 0.0
    for episode in range(96):
        observation = env.reset(seed=episode)[0]
        if episode >= 48:
            start, effector, beyond = pushes_over_the_edge(rng)
            env._place(start)
            env._data.qpos[14:] = env._data.act[:] = effector
            observation = env._observation()
        for _ in range(350 if episode < 48 else 75):
            state, agent_pos = observation["environment_state"], observation["agent_pos"]
            target = hostile(episode % 6, state, agent_pos, rng) if episode < 48 else beyond
            observation = env.step(np.asarray(target, dtype=np.float32))[0]
            assert env.observation_space.contains(observation), (episode, observation)
            fastest = max(fastest, *(math.hypot(*env._data.qvel[at : at + 2]) for at in (0, 6)))
            n_steps += 1
    assert n_steps == 20_400
    assert 0.4 < fastest < 0.8, "m/s"


def test_the_jumping_arm_is_that_of_version_0() -> None:
    """Where ten displacements led before there was a second arm; a contact is among them."""
    env: Any = gym.make(OLD).unwrapped
    env.reset(seed=100_000)
    for _ in range(10):
        observation = env.step(np.array([0.01, 0.04], dtype=np.float32))[0]
    np.testing.assert_allclose(observation["agent_pos"], (0.400148, 0.000592), atol=1e-6)
    block = (0.282957, -0.040245, 2.173131)
    np.testing.assert_allclose(observation["environment_state"][:3], block, atol=1e-5)


def test_absolute_and_delta_actions_give_the_same_motion() -> None:
    """Up to float32 rounding of the actions, which contacts make larger later on."""
    delta, absolute = (gym.make(name).unwrapped for name in NAMES[:2])
    delta.reset(seed=4)
    absolute.reset(seed=4)
    target = np.array([0.3, -0.4], dtype=np.float32)
    for _ in range(8):
        target = target + np.array([0.01, 0.02], dtype=np.float32)
        places = delta.step(np.array([0.01, 0.02], dtype=np.float32))[0], absolute.step(target)[0]
        np.testing.assert_allclose(*(place["agent_pos"] for place in places), atol=1e-5)
    assert demonstrate(4, NAMES[1])[0]["is_success"]


def test_rewards_and_stages_are_the_published_ones() -> None:
    """One block after the other: 0.49, then 0.51 and both stages; both at once: 0.51 and the first stage only."""
    far, first, second = (0.0, 0.0), APART[0], APART[1]
    progress = Progress((0.0, 0.0))
    rewards = [progress.step(blocks, APART) for blocks in ((far, far), (far, first), (far, first), (second, first))]
    assert rewards == [0.0, 0.49, 0.0, 0.51]
    assert (progress.total, progress.mode, progress.got_both) == (1.0, 2, True)
    assert progress.events() == {
        **{"REACH_0": 3, "REACH_1": 1, "TARGET_0_0": -1, "TARGET_0_1": 3},
        **{"TARGET_1_0": 1, "TARGET_1_1": -1},
    }
    at_once = Progress((0.0, 0.0))
    assert at_once.step((first, second), APART) == 0.51
    assert (at_once.total, at_once.got_both) == (0.51, True)
    same_target = Progress((0.0, 0.0))
    assert [same_target.step(blocks, APART) for blocks in ((first, far), (first, first))] == [0.49, 0.49]
    assert (same_target.total, same_target.got_both) == (0.49, False)


def test_demonstrations_succeed_in_the_order_they_chose_and_all_orders_come() -> None:
    seen: Counter[int] = Counter()
    failures = 0
    for seed in range(100):
        info, plan, _ = demonstrate(seed)
        failures += not info["is_success"]
        if info["is_success"]:
            block, target = plan.order[0]
            assert info["mode"] == 2 * block + target
            assert plan.order in ORDERS
            seen[info["mode"]] += 1
    assert failures <= 2, "98 % of 100 seeds; all of 1,000 succeeded (README)"
    assert len(seen) == 4
    assert sum((count - 25) ** 2 / 25 for count in seen.values()) < 11.3, "uniform (99 % of 3 degrees of freedom)"


def test_noise_is_recovered_from() -> None:
    assert sum(demonstrate(seed, noise_std_m=0.003)[0]["is_success"] for seed in range(20)) >= 18


def test_bad_input_is_named() -> None:
    env: Any = gym.make(NAMES[0]).unwrapped
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="as get_state gives them"):
        env.set_state(np.zeros(5))
    with pytest.raises(ConfigError, match="action_mode = 'torque': expected delta or position"):
        gym.make(NAMES[0], action_mode="torque")
    with pytest.raises(ConfigError, match="arm = 'fast': expected tabletop or jumping"):
        gym.make(NAMES[0], arm="fast")
    with pytest.raises(ConfigError, match="reset options draw are unknown"):
        env.reset(options={"draw": "legacy"})


def test_the_harness_runs_it() -> None:
    task = load_task(NAMES[0])
    starts = task.starts()
    episodes = rollout(open_policy("demonstrator", NAMES[0]), task, starts, trials(starts, 4, (0,)))
    assert [episode.scores.max() for episode in episodes] == [1.0] * 4
    assert all(0 <= episode.modes[-1] < 4 for episode in episodes)
    with pytest.raises(ConfigError, match="needs the blocks' poses"):
        open_policy("demonstrator", NAMES[2])


def test_archive_steps_become_store_steps() -> None:
    published = np.arange(32, dtype=np.float64).reshape(2, 16) / 10
    published[0, 2] = -0.5  # BeT's yaws are not reduced
    action = np.array([[0.01, 0.02], [0.03, 0.04]])
    arrays = delta_arrays({"obs": published, "action": action})
    back = published_order(arrays["agent_pos"], arrays["environment_state"])
    np.testing.assert_allclose(
        np.delete(back, (2, 5, 12, 15), axis=1), np.delete(published, (2, 5, 12, 15), axis=1), rtol=1e-6
    )
    np.testing.assert_allclose(back[0, 2], math.pi - 0.5, rtol=1e-6)
    absolute = position_arrays({"obs": published, "action": action})["action"]
    np.testing.assert_allclose(absolute, published[:, 8:10] + action, rtol=1e-6)
