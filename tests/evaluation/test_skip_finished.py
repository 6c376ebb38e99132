"""Finished environments of a batch cost no steps, and change nothing for the others."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from dpbench.evaluation.rollout import rollout, trials
from dpbench.evaluation.skip_finished import SKIP, SkipFinished
from dpbench.policies.opening import open_policy
from dpbench.spec import EvaluationStarts
from dpbench.tasks import load_task


class Ends(gym.Env[Any, Any]):
    """Ends after so many steps, and counts them."""

    observation_space = gym.spaces.Box(0.0, 100.0, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.n_steps = self.n_resets = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        assert not options
        self.n_steps, self.n_resets = 0, self.n_resets + 1
        return np.zeros(1), {}

    def step(self, action: Any) -> Any:  # noqa: ARG002
        self.n_steps += 1
        return np.full(1, self.n_steps, float), 1.0, self.n_steps == 3, False, {"is_success": True}


def test_a_skipped_environment_does_nothing_until_the_next_reset() -> None:
    inner = Ends()
    env = SkipFinished(inner)
    env.reset(seed=0)
    for _ in range(3):
        last = env.step(0)
    observation, info = env.reset(options={SKIP: True})
    assert observation == last[0] == 3.0
    assert info == {}
    for _ in range(5):
        observation, reward, terminated, truncated, info = env.step(0)
        assert (observation[0], reward, terminated, truncated, info) == (3.0, 0.0, False, False, {})
    assert (inner.n_steps, inner.n_resets) == (3, 1)
    env.reset()
    env.step(0)
    assert (inner.n_steps, inner.n_resets) == (1, 2)


def test_an_episode_is_the_same_alone_and_beside_longer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    task = load_task("dpbench/RealArm-v0")
    env_class: Any = gym.make(task.id).unwrapped.__class__
    step, n_steps = env_class.step, [0]

    def counted(self: Any, action: Any) -> Any:
        n_steps[0] += 1
        return step(self, action)

    monkeypatch.setattr(env_class, "step", counted)
    starts = EvaluationStarts("test", 100_001, 3)
    wanted = trials(starts, None, (0,))
    policy = open_policy("demonstrator", task.id)
    together = rollout(policy, task, starts, wanted)
    lengths = [len(episode.actions) for episode in together]
    assert n_steps[0] == sum(lengths) < 3 * max(lengths)
    for trial, episode in zip(wanted, together, strict=True):
        (alone,) = rollout(policy, task, starts, (trial,))
        np.testing.assert_array_equal(alone.agent_pos, episode.agent_pos)
        np.testing.assert_array_equal(alone.actions, episode.actions)
