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
from dpbench.envs.avoid.scene import CLOSED, FINGER_RADIUS_M, OPEN, START_STD_M, Course
from dpbench.envs.avoid.task import MODES, course_of
from dpbench.errors import ConfigError
from dpbench.evaluation.rollout import rollout, trials
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task

NAMES = ("dpbench/Avoid-v1", "dpbench/Avoid-v0")


def demonstrate(seed: int, name: str) -> tuple[NDArray[np.float32], int, dict[str, Any]]:
    """Path `(T, 2)`, the way chosen and the last info."""
    env: Any = gym.make(name).unwrapped
    observation, info = env.reset(seed=seed)
    policy, noise = AvoidDemonstrator(course_of(load_task(name))), NoiseStreams.from_seeds(0, [seed])
    places, over = [observation["agent_pos"]], False
    while not over:
        action = policy.act({"agent_pos": places[-1][None, None]}, noise)[0, 0]
        observation, _, over, _, info = env.step(action)
        places.append(observation["agent_pos"])
    return np.array(places), int(policy._ways[0][0]), info


@pytest.mark.parametrize("name", NAMES)
def test_every_demonstration_succeeds_on_the_way_it_chose_and_all_ways_come(name: str) -> None:
    seen: Counter[str] = Counter()
    for seed in range(240):
        _, chosen, info = demonstrate(seed, name)
        assert info["is_success"]
        assert MODES[info["mode"]] == MODES[chosen]
        seen[MODES[chosen]] += 1
    assert len(seen) == 24
    chi_squared = sum((count - 10) ** 2 / 10 for count in seen.values())
    assert chi_squared < 41.6, "uniform over 24 ways (99 % of 23 degrees of freedom)"


def test_the_probability_of_a_way_given_a_place_is_the_share_of_demonstrations() -> None:
    """Between first and second row: three next gaps from either side."""
    rows, between_m = [demonstrate(seed, NAMES[0]) for seed in range(300)], sum(CLOSED.rows_y_m[:2]) / 2
    told, happened = np.zeros(24), np.zeros(24)
    for places, chosen, _ in rows:
        place = places[np.searchsorted(places[:, 1], between_m)]
        probabilities = way_probabilities(CLOSED, place)
        assert probabilities[chosen] > 1e-5
        told += probabilities
        happened[chosen] += 1
    by_gaps = np.array([mode[:2] for mode in MODES])
    for gaps in np.unique(by_gaps):
        chosen = by_gaps == gaps
        assert abs(told[chosen].sum() - happened[chosen].sum()) < 0.1 * len(rows) / 2


@pytest.mark.parametrize("course", [CLOSED, OPEN])
def test_at_the_start_all_ways_are_equally_likely(course: Course) -> None:
    np.testing.assert_allclose(way_probabilities(course, np.array([0.002, 0.0])), 1 / 24)
    drawn, ways = sample_chunks(course, np.zeros(2), 2000, 8, np.random.default_rng(0))
    assert drawn.shape == (2000, 8, 2)
    assert np.bincount(ways, minlength=24).min() > 50


def test_chunks_follow_their_way() -> None:
    ways = np.arange(24)
    targets = chunks(CLOSED, np.zeros(2), ways, 30, np.random.default_rng(0))
    for place in range(30):
        curve = path(CLOSED, ways, targets[:, place, 1])
        assert np.abs(targets[:, place, 0] - curve).max() < 5 * START_STD_M


def test_the_way_is_read_from_where_the_rows_are_crossed() -> None:
    gaps = [gap(OPEN, row, (0.03, y - 0.01), (0.03, y + 0.01)) for row, y in enumerate(OPEN.rows_y_m)]
    assert MODES[mode_number(OPEN, gaps)] == "112"
    assert mode_number(OPEN, gaps[:2]) == -1
    assert gap(OPEN, 0, (-0.01, 0.09), (0.03, 0.11)) == 1


def hold(env: Any, seed: int, target: tuple[float, float]) -> bool:
    """Whether a target that is held for the whole episode solves the task."""
    env.reset(seed=seed)
    for _ in range(100):
        _, _, terminated, _, info = env.step(np.array(target, dtype=np.float32))
        if terminated:
            break
    return bool(info["is_success"])


def test_no_target_that_is_held_passes_the_closed_course() -> None:
    """The finger moves on a straight line then, and the first obstacle is wider than any line to the finish may be."""
    closed, opened = (gym.make(name).unwrapped for name in NAMES)
    seeds = range(100_000, 100_010)
    cheats = ((0.32, 0.47), (-0.32, 0.47))
    assert all(hold(opened, seed, cheat) for seed in seeds for cheat in cheats), "what version 0 allowed"
    assert not any(hold(closed, seed, cheat) for seed in seeds for cheat in cheats)
    ends = [(x, y) for x in np.linspace(-0.24, 0.24, 17) for y in (0.59, 0.63)]
    assert not any(hold(closed, seed, end) for seed in seeds for end in ends)
    # For all starts: where a line from the farthest start to the outermost finish passes the first row.
    start_m, share = 4 * START_STD_M, CLOSED.rows_y_m[0] / CLOSED.finish_y_m
    passes_m = start_m + share * (CLOSED.half_width_m - start_m)
    assert passes_m < CLOSED.obstacle_radii_m[0] + FINGER_RADIUS_M


def test_the_target_moves_by_the_length_of_a_step_at_most_and_stays_inside_the_course() -> None:
    env: Any = gym.make(NAMES[0]).unwrapped
    rng = np.random.default_rng(0)
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        while not info["touched"]:
            last = observation["environment_state"]
            observation, _, _, _, info = env.step(rng.uniform(-2, 2, 2).astype(np.float32))
            moved = np.hypot(*(observation["environment_state"] - last))
            assert moved < CLOSED.max_step_m + 1e-6
            assert abs(observation["agent_pos"][0]) < CLOSED.half_width_m + 1e-6
    env.reset(seed=0)
    observation = env.step(np.array([0.01, 0.02], dtype=np.float32))[0]
    np.testing.assert_allclose(observation["environment_state"], (0.01, 0.02), atol=1e-7)


def test_the_open_course_is_that_of_version_0() -> None:
    """Where a path of five targets led before there was a second course."""
    env: Any = gym.make(NAMES[1]).unwrapped
    env.reset(seed=100_000)
    for target in ((0.1, 0.05), (-0.2, 0.0), (0.07, 0.1), (0.1, 0.2), (0.32, 0.47)):
        observation = env.step(np.array(target, dtype=np.float32))[0]
    np.testing.assert_allclose(observation["agent_pos"], (0.232464150, 0.350876987), atol=1e-6)


def test_touching_an_obstacle_ends_the_episode_as_a_failure() -> None:
    env = gym.make(NAMES[0])
    env.reset(seed=0)
    for _ in range(100):
        _, reward, terminated, truncated, info = env.step(np.array([0.0, 0.45], dtype=np.float32))
        if terminated or truncated:
            break
    assert (terminated, truncated, info["touched"], info["is_success"], reward) == (True, False, True, False, 0.0)


def test_bad_input_is_named() -> None:
    env: Any = gym.make(NAMES[0]).unwrapped
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="expected 10 finite numbers"):
        env.set_state(np.zeros(5))
    with pytest.raises(ConfigError, match="obs_mode = 'pose'"):
        gym.make(NAMES[0], obs_mode="pose")
    with pytest.raises(ConfigError, match="course = 'half': expected open or closed"):
        gym.make(NAMES[0], course="half")
    with pytest.raises(ConfigError, match="reset options draw are unknown"):
        env.reset(options={"draw": "legacy"})


@pytest.mark.parametrize("name", ["dpbench/Avoid-v1", "dpbench/AvoidImage-v1", "dpbench/AvoidImage-v0"])
def test_the_harness_runs_it(name: str) -> None:
    task = load_task(name)
    starts = task.starts()
    episodes = rollout(open_policy("demonstrator", name), task, starts, trials(starts, 4, (0,)))
    assert all(episode.successes[-1] for episode in episodes)
    assert all(episode.agent_pos[-1, 1] >= course_of(task).finish_y_m for episode in episodes)
