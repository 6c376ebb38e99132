"""Policies that know nothing of their task, and many of them in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.spec import Horizon

ONE = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)


class Held:
    """The same action at every step, `(Da,)`."""

    horizon = ONE

    def __init__(self, action: NDArray[np.float64]) -> None:
        self._action = action.astype(np.float32)

    def reset(self) -> None:
        """There is no state to reset."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        """`(B, 1, Da)`."""
        return np.tile(self._action, (len(noise), 1, 1))


class Uniform:
    """Uniform noise between two actions, `(Da,)` each."""

    horizon = ONE

    def __init__(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        self._low, self._high = low.astype(np.float32), high.astype(np.float32)

    def reset(self) -> None:
        """There is no state to reset."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        """`(B, 1, Da)`."""
        actions: NDArray[np.float32] = self._low + (self._high - self._low) * noise.uniform(1, len(self._low))
        return actions


class Around:
    """Gaussian noise around one action, or around the position that each episode starts with.

    Args:
        base: the action, `(Da,)`; None for the first `agent_pos` of the episode.
        std: standard deviations, `(Da,)`.
    """

    horizon = ONE

    def __init__(self, base: NDArray[np.float64] | None, std: NDArray[np.float64]) -> None:
        self._base, self._std = base, std
        self._starts: dict[int, NDArray[np.float64]] = {}

    def reset(self) -> None:
        """Forget where episodes started."""
        self._starts.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, Da)`."""
        bases = []
        for row, episode in enumerate(noise.episodes):
            here = self._base if self._base is not None else observations["agent_pos"][row, -1].astype(np.float64)
            bases.append(self._starts.setdefault(episode, here))
        actions = np.stack(bases)[:, None] + self._std * noise.normal(1, len(self._std))
        return actions.astype(np.float32)


class Replayed:
    """The actions of one episode, `(T, Da)`, one after another; the last one is held."""

    horizon = ONE

    def __init__(self, actions: NDArray[np.float32]) -> None:
        self._actions = actions
        self._steps: dict[int, int] = {}

    def reset(self) -> None:
        """Begin again in all episodes."""
        self._steps.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        """`(B, 1, Da)`."""
        rows = []
        for episode in noise.episodes:
            step = self._steps.get(episode, 0)
            rows.append(self._actions[min(step, len(self._actions) - 1)])
            self._steps[episode] = step + 1
        actions: NDArray[np.float32] = np.stack(rows)[:, None]
        return actions


class Several:
    """One policy an episode, in one batch.

    Args:
        policies: of the episodes, by their numbers; each acts one step at a time.
    """

    horizon = ONE

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)

    def reset(self) -> None:
        """Reset all of them."""
        for policy in set(self._policies):
            policy.reset()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, Da)`."""
        rows_of: dict[Policy, list[int]] = {}
        for row, episode in enumerate(noise.episodes):
            rows_of.setdefault(self._policies[episode], []).append(row)
        parts = []
        for policy, rows in rows_of.items():
            seen = {key: values[rows] for key, values in observations.items()}
            parts.append(policy.act(seen, noise.rows(np.array(rows))))
        order = np.argsort([row for rows in rows_of.values() for row in rows])
        actions: NDArray[np.float32] = np.concatenate(parts)[order]
        return actions
