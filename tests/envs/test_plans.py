"""What chunks head for, and the sides of Push-T's T."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.avoid.demonstrator import chunks
from dpbench.envs.avoid.plans import plan_of as avoid_plan
from dpbench.envs.avoid.scene import CLOSED
from dpbench.envs.avoid.task import MODES as WAYS
from dpbench.envs.block_push.plans import delta_chunk_pixels, delta_plan_of, position_plan_of
from dpbench.envs.pusht.geometry import GOAL_POSE, coverage, keypoints
from dpbench.envs.pusht.modes import MODES, SYMMETRIC_START, plan_of, side_of
from dpbench.evaluation.rollout import rollout, trials
from dpbench.metrics.plans import kept_plans
from dpbench.policies.opening import open_policy
from dpbench.tasks import load_task


def mirrored(x: float, y: float) -> tuple[float, float]:
    """A place mirrored at the goal's axis, which is the window's other diagonal."""
    return 512.0 - y, 512.0 - x


def test_the_symmetric_start_is_its_own_mirror_image() -> None:
    agent, block = SYMMETRIC_START[:2], SYMMETRIC_START[2:4]
    np.testing.assert_allclose(mirrored(*agent), agent)
    np.testing.assert_allclose(mirrored(*block), block)
    points = keypoints(*SYMMETRIC_START[2:]).reshape(-1, 2)
    goal = keypoints(*GOAL_POSE).reshape(-1, 2)
    np.testing.assert_allclose(points - goal, np.broadcast_to(points[0] - goal[0], points.shape))
    assert 0.0 < coverage(*SYMMETRIC_START[2:]) < 0.5


@pytest.mark.parametrize("vector", [False, True])
def test_the_side_is_that_of_the_first_touch(vector: bool) -> None:
    task = load_task("dpbench/PushT-v0")
    options = dict(task.starts("symmetric").reset_options)
    for side, offset in enumerate((-1.0, 1.0)):
        # Around the block at 110 px beside its axis, then towards it.
        along, across = np.array([-1.0, 1.0]) / np.sqrt(2), np.array([1.0, 1.0]) / np.sqrt(2)
        block = np.array(SYMMETRIC_START[2:4])
        places = [
            block + 150 * along + 110 * offset * across,
            block + 60 * along + 110 * offset * across,
            block + 60 * along,
        ]
        env: Any = gym.make_vec(task.id, num_envs=2) if vector else gym.make(task.id)
        env.reset(seed=0, options=options)
        info: dict[str, Any] = {}
        for place in places:
            for _ in range(12):
                action = place.astype(np.float32)
                info = env.step(np.stack([action, action]) if vector else action)[4]
            if place is not places[-1]:
                assert np.all(info["mode"] == -1)
        assert np.all(info["mode"] == side)
        env.close()


def test_a_push_t_plan_tells_its_side_in_front_of_the_bar() -> None:
    pose = np.array(SYMMETRIC_START[2:])
    agent = np.array(SYMMETRIC_START[:2])
    left = agent + np.linspace(0, 1, 8)[:, None] * np.array([-60.0, -60.0])
    right = agent + np.linspace(0, 1, 8)[:, None] * np.array([60.0, 60.0])
    assert plan_of(agent, pose, left) == ("side", MODES[side_of((*left[-1], *pose))])
    assert {plan_of(agent, pose, left), plan_of(agent, pose, right)} == {("side", "left"), ("side", "right")}
    assert plan_of(agent, keypoints(*pose), left) == plan_of(agent, pose, left), "keypoints tell the pose"
    assert plan_of(agent, pose, np.repeat(agent[None], 8, axis=0)) is None
    assert plan_of(agent, None, left) is None
    assert plan_of(np.array([400.0, 112.0]), pose, left) is None, "behind the bar the side is past"


def test_an_avoid_chunk_tells_the_next_gap() -> None:
    rng = np.random.default_rng(0)
    for number in range(24):
        chunk = chunks(CLOSED, np.zeros(2), np.array([number]), 8, rng)[0]
        assert avoid_plan(CLOSED, np.zeros(2), None, chunk) == ("row 0", f"gap {WAYS[number][0]}")
    assert avoid_plan(CLOSED, np.zeros(2), None, chunk[:1]) is None, "one target at the start tells nothing"
    assert avoid_plan(CLOSED, np.array([0.0, 0.50]), None, chunk) is None


@pytest.mark.parametrize("name", ["dpbench/Avoid-v1", "dpbench/BlockPush-v0"])
def test_demonstrators_keep_their_plans(name: str) -> None:
    """Eight steps of their path taken as a chunk."""
    task = load_task(name)
    read = {"dpbench/Avoid-v1": partial(avoid_plan, CLOSED), "dpbench/BlockPush-v0": delta_plan_of}[name]
    episodes = rollout(open_policy("demonstrator", name), task, task.starts(), trials(task.starts(), 12, (0,)))
    kept = total = 0
    for episode in episodes:
        state = episode.environment_state
        assert state is not None
        until = int(np.argmax(episode.modes >= 0)) or len(episode.actions)
        plans = [read(episode.agent_pos[t], state[t], episode.actions[t : t + 8]) for t in range(0, until, 8)]
        same, pairs = kept_plans(plans)
        kept, total = kept + same, total + pairs
    assert total > 0
    assert kept / total > 0.9


def test_a_block_push_plan_tells_the_block() -> None:
    state = np.zeros(14)
    state[0:2], state[3:5] = (0.3, -0.1), (0.5, -0.1)
    state[6:8], state[8:10], state[11:13] = (0.4, -0.3), (0.3, 0.2), (0.5, 0.2)
    agent = np.array([0.4, -0.3])
    left, right = np.tile([-0.025, 0.045], (4, 1)), np.tile([0.025, 0.045], (4, 1))
    assert delta_plan_of(agent, state, left) == ("first", "block")
    assert delta_plan_of(agent, state, right) == ("first", "block2")
    assert position_plan_of(agent, state, agent + np.cumsum(right, axis=0)) == ("first", "block2")
    assert delta_plan_of(agent, state, np.tile([0.0, 0.05], (4, 1))) is None, "between them"
    assert delta_plan_of(agent, state, np.zeros((4, 2))) is None, "far from both"
    state[0:2] = (0.3, 0.19)
    assert delta_plan_of(agent, state, right) is None, "the first block is in a target"
    pixels = delta_chunk_pixels(agent, state, right[None], 100)
    assert pixels.shape == (1, 4, 2)
    assert (np.diff(pixels[0], axis=0) < 0).all(), "x is up and y to the left in the picture"
