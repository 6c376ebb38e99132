"""Temporal ensembling: ask for a chunk at every step and execute a weighted mean of all predictions for that step.

Source: Zhao et al. 2023 (ACT, arXiv 2304.13705), Sec. 4.2 and Alg. 2: weights exp(-decay * i), i = 0 for the oldest
prediction, decay 0.01 in the paper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.spec import Horizon


class TemporalEnsemble:
    """A policy around any other.

    Args:
        policy: predicts chunks of Ta actions; as many predictions are averaged at most.
        decay: 0 weighs all predictions alike, more favours older ones.

    Raises:
        ConfigError: for a negative decay, or a policy that predicts one action only.
    """

    def __init__(self, policy: Policy, decay: float) -> None:
        inner = policy.horizon
        if not decay >= 0:
            raise ConfigError(f"temporal_ensemble = {decay}: expected a decay of 0 or more, such as 0.01.")
        if inner.n_action_steps == 1:
            raise ConfigError("this policy executes one action a call (Ta = 1): there is nothing to ensemble.")
        self._policy = policy
        self._decay = decay
        self._chunks: dict[int, list[NDArray[np.float32]]] = {}
        self.horizon = Horizon(inner.n_obs_steps, inner.horizon, 1)

    def reset(self) -> None:
        """Forget all chunks."""
        self._chunks.clear()
        self._policy.reset()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, To, ...)` -> `(B, 1, Da)`."""
        chunks = self._policy.act(observations, noise)  # (B, Ta, Da)
        return np.stack([self._mean(episode, chunk) for episode, chunk in zip(noise.episodes, chunks, strict=True)])

    def _mean(self, episode: int, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        known = self._chunks.setdefault(episode, [])
        known.append(chunk)
        del known[: -len(chunk)]
        # The chunk of k calls ago says at its place k what to do now.
        now = np.stack([old[age] for age, old in zip(range(len(known) - 1, -1, -1), known, strict=True)])
        weights = np.exp(-self._decay * np.arange(len(now)))
        mean: NDArray[np.float32] = (weights @ now / weights.sum()).astype(np.float32)[None]
        return mean
