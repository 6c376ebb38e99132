"""Avoid: the environment's contract, the 24 ways, and a demonstrator whose distribution is known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.avoid.demonstrator import AvoidDemonstrator, chunks, path, sample_chunks, way_probabilities
from dpbench.envs.avoid.modes import gap, mode_number
from dpbench.envs.avoid.scene import FINISH_Y_M, ROWS_Y_M, START_STD_M
from dpbench.envs.avoid.task import MODES
from dpbench.errors import ConfigError
from dpbench.evaluation.rollout import rollout, trials
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task


def demonstrate(seed: int) -> tuple[NDArray[np.float32], int, dict[str, Any]]:
    """Path `(T, 2)`, the way chosen and the last info."""
    env: Any = gym.make("dpbench/Avoid-v0").unwrapped
    observation, info = env.reset(seed=seed)
    policy, noise = AvoidDemonstrator(), NoiseStreams.from_seeds(0, [seed])
    places, over = [observation["agent_pos"]], False
    while not over:
        action = policy.act({"agent_pos": places[-1][None, None]}, noise)[0, 0]
        observation, _, over, _, info = env.step(action)
        places.append(observation["agent_pos"])
    return np.array(places), int(policy._ways[0][0]), info


def test_every_demonstration_succeeds_on_the_way_it_chose_and_all_ways_come() -> None:
    seen: Counter[str] = Counter()
    for seed in range(240):
        _, chosen, info = demonstrate(seed)
        assert info["is_success"]
        assert MODES[info["mode"]] == MODES[chosen]
        seen[MODES[chosen]] += 1
    assert len(seen) == 24
    chi_squared = sum((count - 10) ** 2 / 10 for count in seen.values())
    assert chi_squared < 41.6, "uniform over 24 ways (99 % of 23 degrees of freedom)"


def test_the_probability_of_a_way_given_a_place_is_the_share_of_demonstrations() -> None:
    """At y = 0.16 m, between first and second row: three next gaps from either side."""
    rows = [demonstrate(seed) for seed in range(300)]
    told, happened = np.zeros(24), np.zeros(24)
    for places, chosen, _ in rows:
        place = places[np.searchsorted(places[:, 1], 0.16)]
        probabilities = way_probabilities(place)
        assert probabilities[chosen] > 1e-3
        told += probabilities
        happened[chosen] += 1
    by_gaps = np.array([mode[:2] for mode in MODES])
    for gaps in np.unique(by_gaps):
        chosen = by_gaps == gaps
        assert abs(told[chosen].sum() - happened[chosen].sum()) < 0.1 * len(rows) / 2


def test_at_the_start_all_ways_are_equally_likely() -> None:
    np.testing.assert_allclose(way_probabilities(np.array([0.002, 0.0])), 1 / 24)
    drawn, ways = sample_chunks(np.zeros(2), 2000, 8, np.random.default_rng(0))
    assert drawn.shape == (2000, 8, 2)
    assert np.bincount(ways, minlength=24).min() > 50


def test_chunks_follow_their_way() -> None:
    ways = np.arange(24)
    targets = chunks(np.zeros(2), ways, 30, np.random.default_rng(0))
    for place in range(30):
        curve = path(ways, targets[:, place, 1])
        assert np.abs(targets[:, place, 0] - curve).max() < 5 * START_STD_M


def test_the_way_is_read_from_where_the_rows_are_crossed() -> None:
    gaps = [gap(row, (0.03, y - 0.01), (0.03, y + 0.01)) for row, y in enumerate(ROWS_Y_M)]
    assert MODES[mode_number(gaps)] == "112"
    assert mode_number(gaps[:2]) == -1
    assert gap(0, (-0.01, 0.09), (0.03, 0.11)) == 1


def test_touching_an_obstacle_ends_the_episode_as_a_failure() -> None:
    env = gym.make("dpbench/Avoid-v0")
    env.reset(seed=0)
    for _ in range(100):
        _, reward, terminated, truncated, info = env.step(np.array([0.0, 0.45], dtype=np.float32))
        if terminated or truncated:
            break
    assert (terminated, truncated, info["touched"], info["is_success"], reward) == (True, False, True, False, 0.0)


def test_bad_input_is_named() -> None:
    env: Any = gym.make("dpbench/Avoid-v0").unwrapped
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="expected ten finite numbers"):
        env.set_state(np.zeros(5))
    with pytest.raises(ConfigError, match="obs_mode = 'pose'"):
        gym.make("dpbench/Avoid-v0", obs_mode="pose")
    with pytest.raises(ConfigError, match="reset options draw are unknown"):
        env.reset(options={"draw": "legacy"})


@pytest.mark.parametrize("name", ["dpbench/Avoid-v0", "dpbench/AvoidImage-v0"])
def test_the_harness_runs_it(name: str) -> None:
    task = load_task(name)
    starts = task.starts()
    episodes = rollout(open_policy("demonstrator", name), task, starts, trials(starts, 4, (0,)))
    assert all(episode.successes[-1] for episode in episodes)
    assert all(episode.agent_pos[-1, 1] >= FINISH_Y_M for episode in episodes)
