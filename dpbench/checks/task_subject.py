"""A task under test: two of its environments, some actions, and what stepping them gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.evaluation.stepping import steps, stored_actions
from dpbench.spaces import flatten
from dpbench.spec import TaskSpec

Environment = gym.Env[Any, Any]
Flat = Mapping[str, NDArray[Any]]
N_STEPS = 10
"""Length of the episodes that are compared."""
N_DRAWS = 4
"""Of actions, over the whole range, its inner half and its inner quarter, until an episode lasts."""


@dataclass(frozen=True)
class Trace:
    """What an environment gave; copies, so that later steps cannot change it.

    Attributes:
        observations: flat, of the reset and of every step.
        rewards: of every step.
        ends: terminated and truncated, of every step.
        infos: success, score and mode of every step, as far as `info` has them.
    """

    observations: tuple[Flat, ...]
    rewards: tuple[float, ...]
    ends: tuple[tuple[bool, bool], ...]
    infos: tuple[Mapping[str, object], ...]

    def difference(self, other: Trace) -> str:
        """The first difference in words; empty when both are equal to the bit."""
        for step, (ours, theirs) in enumerate(zip(self.observations, other.observations, strict=False)):
            for key in sorted({*ours, *theirs}):
                if key not in ours or key not in theirs or not np.array_equal(ours[key], theirs[key]):
                    return f"observation {key!r} differs after step {step}"
        for name in ("rewards", "ends", "infos"):
            for step, (mine, other_one) in enumerate(zip(getattr(self, name), getattr(other, name), strict=False)):
                if mine != other_one:
                    return f"{name} of step {step + 1} are {mine} and {other_one}"
        lengths = len(self.rewards), len(other.rewards)
        return f"episodes of {lengths[0]} and {lengths[1]} steps" if lengths[0] != lengths[1] else ""


@dataclass(frozen=True)
class TaskSubject:
    """A task with two environments of it.

    Attributes:
        task: its description.
        first: an environment without wrappers.
        second: another.
        registered: whether they are those of the registry.
        actions: random ones inside the bounds that do not end an episode early if others do, `(N_STEPS, Da)` float32.
    """

    task: TaskSpec
    first: Environment
    second: Environment
    registered: bool
    actions: NDArray[np.float32]

    @classmethod
    def open(cls, task: TaskSpec, make: Callable[[], Environment] | None) -> TaskSubject:
        """Make the environments; by default those of Gymnasium's registry."""
        new = make or (lambda: gym.make(task.id, disable_env_checker=True).unwrapped)
        low, high = np.array(task.action.low), np.array(task.action.high)
        first, second, rng = new(), new(), np.random.default_rng(0)
        draws = [
            ((low + high) / 2 + (high - low) / 2 * rng.uniform(-share, share, (N_STEPS, len(low)))).astype(np.float32)
            for share in (1.0, 0.5, 0.25)
            for _ in range(N_DRAWS)
        ]
        longest, length = cls(task, first, second, make is None, draws[0]), 0
        for draw in draws:
            candidate = replace(longest, actions=draw)
            if (steps_done := candidate._length()) > length:
                longest, length = candidate, steps_done
            if length == N_STEPS:
                break
        return longest

    def _length(self) -> int:
        """Steps until the actions end an episode; N_STEPS where they do not, or where it cannot be stepped."""
        try:
            return len(self.trace(self.first, 0).rewards)
        except Exception:  # the environment may raise anything; the checks name it
            return N_STEPS

    def trace(self, env: Environment, seed: int) -> Trace:
        """Reset with a seed and step through the actions."""
        return self.trace_from(env, env.reset(seed=seed)[0])

    def trace_from(self, env: Environment, observation: Mapping[str, Any], begin: int = 0) -> Trace:
        """Step through the actions from number `begin` on; `observation` is the newest."""
        observations: list[Flat] = [_copied(dict(flatten(observation)))]
        rewards, ends, infos = [], [], []
        for step in steps(env, observation, stored_actions(self.actions[begin:])):
            observations.append(_copied(step.next_observation))
            rewards.append(float(step.reward))
            ends.append((bool(step.terminated), bool(step.truncated)))
            infos.append(self._of_info(step.info))
        return Trace(tuple(observations), tuple(rewards), tuple(ends), tuple(infos))

    def _of_info(self, info: Mapping[str, Any]) -> dict[str, object]:
        """The keys that the harness reads."""
        return {key: info[key] for key in ("is_success", self.task.score, "mode") if key in info}


def _copied(observation: Flat) -> dict[str, NDArray[Any]]:
    return {key: np.array(value) for key, value in observation.items()}
