"""Scripted policies: two trivial ones that a learned policy should beat, and the task's own demonstrator.

`random` draws uniformly between the action bounds. `hold` commands the agent's present position, or zero where actions
are velocities or deltas. `demonstrator` is the script that generates the task's demonstrations, where it has one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.baseline import NoiseStreams, Observations, Policy, Role, ScriptedPolicy
from dpbench.errors import ConfigError
from dpbench.policies.demonstrator import has_demonstrator, scripted_demonstrator
from dpbench.spec import Horizon, TaskSpec


class RandomPolicy:
    """Uniform actions, one a step."""

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, task: TaskSpec) -> None:
        self._low = np.asarray(task.action.low, dtype=np.float32)
        self._high = np.asarray(task.action.high, dtype=np.float32)

    def reset(self) -> None:
        """There is no state to reset."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, Da)`, uniform between the bounds."""
        actions: NDArray[np.float32] = self._low + (self._high - self._low) * noise.uniform(1, len(self._low))
        return actions


def _holds(task: TaskSpec) -> bool:
    """Whether an observed position is an action of the task; a pose in another representation is not."""
    return task.action.kind != "position" or task.observations["agent_pos"].shape == (task.action.dim,)


class HoldPolicy:
    """The action that leaves the agent where it is."""

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, task: TaskSpec) -> None:
        if not _holds(task):
            raise ConfigError(
                f"hold does not fit {task.id}: its agent_pos is not the {task.action.dim} numbers of an action."
            )
        self._action = task.action

    def reset(self) -> None:
        """There is no state to reset."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, Da)`: the agent's position, or zero where actions are velocities or deltas."""
        if self._action.kind != "position":
            return np.zeros((len(noise), 1, self._action.dim), dtype=np.float32)
        return np.asarray(observations["agent_pos"][:, -1:], dtype=np.float32)


RANDOM = ScriptedPolicy("random", "none: uniform actions", RandomPolicy)
HOLD = ScriptedPolicy("hold", "none: stays where it is", HoldPolicy, fits=_holds)


def demonstrator(task: TaskSpec) -> Policy:
    """The task's scripted demonstrator.

    Raises:
        ConfigError: for a task without one.
    """
    return scripted_demonstrator(task).policy(task)


DEMONSTRATOR = ScriptedPolicy(
    "demonstrator",
    "none: the task's script",
    demonstrator,
    fits=has_demonstrator,
    role=Role.DEMONSTRATOR,
)
