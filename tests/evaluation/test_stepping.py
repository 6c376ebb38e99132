"""The stepping loop: a single environment and a batch, until all episodes are over or there is no action."""

from __future__ import annotations

from itertools import islice
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from dpbench.evaluation.stepping import Act, policy_of_one, steps, stored_actions
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.runner import PolicyRunner
from dpbench.spec import Horizon


class Counter(gym.Env[Any, Any]):
    """Adds its actions up, and ends after as many steps as its seed."""

    observation_space = gym.spaces.Dict({"agent_pos": gym.spaces.Box(-99.0, 99.0, (1,), np.float32)})
    action_space = gym.spaces.Box(-9.0, 9.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        self.length = 99 if seed is None else seed
        self.sum, self.n_steps = np.zeros(1, dtype=np.float32), 0
        return {"agent_pos": self.sum.copy()}, {}

    def step(self, action: NDArray[np.float32]) -> Any:
        self.sum, self.n_steps = self.sum + action, self.n_steps + 1
        return {"agent_pos": self.sum.copy()}, 1.0, self.n_steps == self.length, False, {"n_steps": self.n_steps}


def test_one_environment_is_stepped_until_its_episode_is_over() -> None:
    env = Counter()
    done = list(steps(env, env.reset(seed=3)[0], stored_actions(np.arange(1, 9, dtype=np.float32)[:, None])))
    assert [float(step.observation["agent_pos"][0]) for step in done] == [0, 1, 3]
    assert [float(step.next_observation["agent_pos"][0]) for step in done] == [1, 3, 6]
    assert [bool(step.finished) for step in done] == [False, False, True]


def test_no_action_ends_the_loop_without_a_step() -> None:
    env = Counter()
    done = list(steps(env, env.reset(seed=9)[0], stored_actions(np.ones((2, 1), dtype=np.float32))))
    assert len(done) == env.n_steps == 2
    assert not done[-1].finished


def test_no_step_is_taken_before_it_is_asked_for() -> None:
    env = Counter()
    driven = steps(env, env.reset(seed=9)[0], stored_actions(np.ones((9, 1), dtype=np.float32)))
    assert len(list(islice(driven, 4))) == env.n_steps == 4


def test_finished_environments_of_a_batch_are_reset_and_stay_inactive() -> None:
    env = SyncVectorEnv([Counter] * 3, autoreset_mode=AutoresetMode.DISABLED)
    masks: list[list[bool]] = []

    def reset_finished(finished: NDArray[np.bool_]) -> Any:
        masks.append(finished.tolist())
        return env.reset(options={"reset_mask": finished})[0]

    act: Act = lambda _observation, active: active[:, None].astype(np.float32)  # noqa: E731
    done = list(steps(env, env.reset(seed=[2, 4, 2])[0], act, reset_finished))  # type: ignore[arg-type]
    assert [step.active.tolist() for step in done] == [
        [True] * 3,
        [True] * 3,
        [False, True, False],
        [False, True, False],
    ]
    assert [step.finished.tolist() for step in done][1::2] == [[True, False, True], [False, True, False]]
    assert masks == [[True, False, True]], "nothing is reset when everything is over"
    assert done[2].observation["agent_pos"][:, 0].tolist() == [0, 2, 0]


class Echo:
    """Acts with what it observes plus one."""

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def reset(self) -> None:
        pass

    def act(self, observations: Any, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        return np.asarray(observations["agent_pos"] + 1, dtype=np.float32)


def test_a_policy_acts_on_a_single_environment_without_the_batch_axis() -> None:
    env = Counter()
    runner = PolicyRunner(Echo(), NoiseStreams.from_seeds(0, [0]))
    done = list(steps(env, env.reset(seed=4)[0], policy_of_one(runner)))
    assert [step.action.tolist() for step in done] == [[1.0], [2.0], [4.0], [8.0]]


@pytest.mark.parametrize("n_actions", [0, 3])
def test_stored_actions_are_handed_out_once(n_actions: int) -> None:
    act = stored_actions(np.ones((n_actions, 2), dtype=np.float32))
    handed = [act({}, np.ones((), dtype=np.bool_)) for _ in range(n_actions + 2)]
    assert [action is not None for action in handed] == [True] * n_actions + [False, False]
