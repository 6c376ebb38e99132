"""The only loop that steps environments.

It steps a single environment or a batch. The actions come from a policy, a person or a stored episode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from dpbench.policies.protocol import Observations
from dpbench.policies.runner import PolicyRunner
from dpbench.spaces import flatten

Environment = gym.Env[Any, Any] | VectorEnv[Any, Any, Any]
Act = Callable[[Observations, NDArray[np.bool_]], NDArray[np.float32] | None]
"""Newest observations and a mask of the running environments -> actions; None stops the loop."""


@dataclass(frozen=True)
class Step:
    """One control step. Arrays of a batch have a leading axis B; those of a single environment have none.

    Attributes:
        observation: before the action, flat key -> `(...)` or `(B, ...)`.
        active: which environments were still running before the action, `()` or `(B,)`.
        action: `(Da,)` or `(B, Da)`.
        reward: one number, or `(B,)`.
        terminated: the task's outcome ended the episode, `()` or `(B,)`.
        truncated: the time limit ended the episode, `()` or `(B,)`.
        info: as the environment gives it.
        next_observation: after the action.
    """

    observation: Observations
    active: NDArray[np.bool_]
    action: NDArray[np.float32]
    reward: Any
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    info: Mapping[str, Any]
    next_observation: Observations

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Environments whose episode ended with this step, `()` or `(B,)`."""
        return self.active & (self.terminated | self.truncated)


def steps(
    env: Environment,
    observation: Mapping[str, Any],
    act: Act,
    reset_finished: Callable[[NDArray[np.bool_]], Mapping[str, Any]] | None = None,
) -> Iterator[Step]:
    """Step until every episode is over, or until `act` gives None.

    Args:
        env: just reset; a batch must have automatic resets disabled.
        observation: the reset's.
        act: called once a step.
        reset_finished: for a batch. Resets the environments of a mask `(B,)` and returns the observations of all. They
            stay in the batch but are no longer active.

    Yields:
        Every step, before the next one is taken.
    """
    newest: Observations = dict(flatten(observation))
    active = np.ones(env.num_envs if isinstance(env, VectorEnv) else (), dtype=np.bool_)
    while active.any():
        action = act(newest, active)
        if action is None:
            return
        observation, reward, terminated, truncated, info = env.step(action)
        step = Step(
            newest, active, action, reward, np.asarray(terminated), np.asarray(truncated), info,
            dict(flatten(observation)),
        )  # fmt: skip
        yield step
        over = step.terminated | step.truncated
        active, newest = active & ~over, step.next_observation
        if over.any() and active.any() and reset_finished is not None:
            newest = dict(flatten(reset_finished(over)))


def policy_of_one(runner: PolicyRunner) -> Act:
    """A policy for a single environment: adds the batch axis to observations and removes it from actions."""

    def act(observation: Observations, active: NDArray[np.bool_]) -> NDArray[np.float32]:
        batch = {key: value[None] for key, value in observation.items()}
        action: NDArray[np.float32] = runner.act(batch, active[None])[0].copy()
        return action

    return act


def stored_actions(actions: NDArray[np.float32]) -> Act:
    """The actions `(T, Da)` of a stored episode, one after another."""
    remaining = iter(actions)
    return lambda _observation, _active: next(remaining, None)
