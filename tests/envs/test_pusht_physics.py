"""Our physics against gym-pusht 0.1.8: equal to the last bit. Golden values are those of the published environment."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.data.episodes import EpisodeStore
from dpbench.envs.pusht.geometry import coverage
from dpbench.envs.pusht.physics import Physics, State
from dpbench.envs.pusht.world import legacy_start

gym_pusht = pytest.importorskip("gym_pusht.envs.pusht", reason="gym-pusht needs pymunk below 7")

N_EPISODES = 1000
N_STEPS = 60


def theirs(state: State) -> object:
    env = gym_pusht.PushTEnv(obs_type="state", render_mode="rgb_array")
    env.reset(seed=0, options={"reset_to_state": list(state)})
    return env


def assert_same_episode(start: State, actions: NDArray[np.float64], coverage_every: int = 8) -> None:
    env, ours = theirs(start), Physics()
    ours.set_state(start, legacy=True)
    # Coverage and rendering cost most of their step; the physics alone is compared at every step.
    exact = env._get_coverage
    for step, action in enumerate(actions):
        checked = step % coverage_every == 0
        env._get_coverage = exact if checked else lambda: 0.0
        ours.n_contact_points = 0
        _, _, _, _, info = env.step(action)
        ours.step(float(action[0]), float(action[1]))
        agent, block = env.agent.position, env.block.position
        assert ours.state() == (agent.x, agent.y, block.x, block.y, env.block.angle), step
        assert ours.n_contact_points == env.n_contact_points
        if checked:
            assert abs(coverage(*ours.state()[2:]) - info["coverage"]) < 1e-9


def random_episode(rng: np.random.Generator) -> tuple[State, NDArray[np.float64]]:
    x, y = rng.uniform(50, 450, size=2)
    start = (float(x), float(y), *(float(v) for v in rng.uniform(100, 400, size=2)), float(rng.uniform(-4, 4)))
    return start, rng.uniform(0, 512, size=(N_STEPS, 2))


def pushing_episode(rng: np.random.Generator) -> tuple[State, NDArray[np.float64]]:
    """The finger begins beside the block and wanders through it: contact most of the time."""
    block_x, block_y = rng.uniform(150, 350, size=2)
    angle = rng.uniform(0, 2 * math.pi)
    start = (
        float(block_x + 80 * math.cos(angle)), float(block_y + 80 * math.sin(angle)),
        float(block_x), float(block_y), float(rng.uniform(-4, 4)),
    )  # fmt: skip
    walk = np.cumsum(rng.normal(-8 * np.array([math.cos(angle), math.sin(angle)]), 12, size=(N_STEPS, 2)), axis=0)
    return start, np.array(start[:2]) + walk


def test_random_episodes_are_equal_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(N_EPISODES):
        assert_same_episode(*random_episode(rng))


def test_pushing_episodes_are_equal_to_the_last_bit() -> None:
    rng = np.random.default_rng(1)
    for _ in range(N_EPISODES):
        assert_same_episode(*pushing_episode(rng))


def demonstrations(store: EpisodeStore, count: int) -> Iterator[tuple[State, NDArray[np.float64]]]:
    agent, block, action = store.read("agent_pos"), store.read("block_pose"), store.read("action")
    ends = store.episode_ends
    starts = np.concatenate([[0], ends[:-1]])
    rng = np.random.default_rng(2)
    for number in range(count):
        begin, end = starts[number % len(ends)], ends[number % len(ends)]
        start = np.array([*agent[begin], *block[begin]], dtype=np.float64)
        if number >= len(ends):  # beyond the recorded starts: nearby ones
            start[:4] += rng.normal(0, 5, size=4)
        yield tuple(start.tolist()), action[begin:end].astype(np.float64)


def test_demonstration_replays_are_equal_to_the_last_bit(human_demonstrations: EpisodeStore) -> None:
    for start, actions in demonstrations(human_demonstrations, N_EPISODES):
        assert_same_episode(start, actions, coverage_every=50)


def test_coverage_equals_shapely_over_random_poses() -> None:
    rng = np.random.default_rng(3)
    env = theirs((100.0, 100.0, 256.0, 256.0, 0.0))
    for _ in range(2000):
        env.block.angle = float(rng.normal(math.pi / 4, 1.0))
        env.block.position = tuple(rng.normal(256, 40, size=2))
        block = env.block.position
        assert abs(coverage(block.x, block.y, env.block.angle) - env._get_coverage()) < 1e-9


@pytest.mark.parametrize("angle", [math.pi / 4, math.pi / 4 + 1e-14, 0.0, math.pi / 2, -math.pi / 4])
def test_coverage_is_right_where_edges_are_parallel(angle: float) -> None:
    env = theirs((100.0, 100.0, 256.0, 256.0, 0.0))
    for dx, dy in ((0, 0), (1e-9, 0), (30, 0), (0, -15), (21.213203435596427, 21.213203435596427)):
        env.block.angle = angle
        env.block.position = (256 + dx, 256 + dy)
        assert abs(coverage(256 + dx, 256 + dy, angle) - env._get_coverage()) < 1e-9


@pytest.mark.parametrize(
    ("seed", "golden"),
    [
        (0, (222, 97, 217, 292, 3.007999)),
        (1, (87, 285, 172, 355, -6.595750)),
        (100_000, (235, 124, 335, 128, -0.904927)),
        (100_001, (365, 182, 275, 280, -1.098113)),
        (100_002, (159, 417, 295, 339, -6.114617)),
    ],
)
def test_legacy_draw_has_the_published_values(seed: int, golden: State) -> None:
    assert legacy_start(seed) == pytest.approx(golden, abs=1e-6)


def test_step_response_of_the_finger() -> None:
    """At rest, a step of +100 px from x = 100: the published controller's answer."""
    physics = Physics()
    physics.place((100.0, 100.0, 400.0, 400.0, 0.0))
    seen = []
    for _ in range(5):
        physics.step(200.0, 100.0)
        seen.append(physics.state()[0])
    assert seen == pytest.approx([129.567, 161.591, 180.762, 190.700, 195.577], abs=1e-3)


def test_walls_do_not_stop_the_finger() -> None:
    physics = Physics()
    physics.place((50.0, 256.0, 256.0, 256.0, 0.0))
    for _ in range(30):
        physics.step(-100.0, 256.0)
    assert physics.state()[0] == pytest.approx(-100, abs=0.01)
