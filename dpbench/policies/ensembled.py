"""Temporal ensembling: execute the weighted mean of all predicted chunks that contain the present moment.

Source: Zhao et al. 2023 (ACT, arXiv 2304.13705), Sec. 4.2 and Alg. 2: weights exp(-decay * i), i = 0 for the oldest
prediction, decay 0.01 in the paper. `ensemble_mean` is that rule. It is used on two time axes: `TemporalEnsemble` on
the steps of a simulated episode, `ChunkEnsemble` on the clock of a real arm.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.spec import Horizon

PAPER_DECAY = 0.01


def ensemble_mean(predictions: NDArray[np.floating[Any]], decay: float) -> NDArray[np.float32]:
    """The weighted mean of several predictions of one action.

    Args:
        predictions: `(n, Da)`, the oldest first.
        decay: 0 gives all predictions the same weight, larger values favour older ones.

    Returns:
        `(Da,)`.
    """
    weights = np.exp(-decay * np.arange(len(predictions)))
    mean: NDArray[np.float32] = (weights @ predictions / weights.sum()).astype(np.float32)
    return mean


class TemporalEnsemble:
    """A policy around any other: one action a call, averaged over the chunks predicted at the last Ta steps.

    Args:
        policy: predicts chunks of Ta actions; at most Ta predictions are averaged.
        decay: see `ensemble_mean`.

    Raises:
        ConfigError: for a negative decay, or a policy that predicts one action only.
    """

    def __init__(self, policy: Policy, decay: float) -> None:
        self.horizon = ensembled_horizon(policy.horizon, decay)
        self._policy = policy
        self._decay = decay
        self._chunks: dict[int, list[NDArray[np.float32]]] = {}

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
        # The chunk predicted k calls ago holds the present action at index k.
        now = np.stack([old[age] for age, old in zip(range(len(known) - 1, -1, -1), known, strict=True)])
        return ensemble_mean(now, self._decay)[None]


class ChunkEnsemble:
    """The chunks of one episode in real time.

    On a real arm chunks do not share one grid of steps, since each starts at the time of a camera frame. Older chunks
    are therefore interpolated linearly at the times of the newest one.

    Args:
        decay: see `ensemble_mean`.
        n_chunks: number of chunks that are kept.

    Raises:
        ConfigError: for a negative decay.
    """

    def __init__(self, decay: float, n_chunks: int) -> None:
        _check(decay)
        self._decay = decay
        self._chunks: deque[tuple[NDArray[np.float64], NDArray[np.float32]]] = deque(maxlen=n_chunks)

    def mean(self, times_s: Sequence[float], chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add the newest chunk and average.

        Args:
            times_s: when its actions are due, increasing.
            chunk: `(n, Da)`.

        Returns:
            `(n, Da)`: for each time the mean of all chunks whose range of times contains it.
        """
        times = np.asarray(times_s, dtype=np.float64)
        self._chunks.append((times, chunk))
        contain = np.stack([(times >= known[0]) & (times <= known[-1]) for known, _ in self._chunks])  # (chunks, n)
        predicted = np.stack(  # (chunks, n, Da)
            [np.stack([np.interp(times, known, row) for row in old.T], axis=1) for known, old in self._chunks]
        )
        return np.stack([ensemble_mean(predicted[contain[:, k], k], self._decay) for k in range(len(times))])


def _check(decay: float) -> None:
    if not 0 <= decay < math.inf:
        raise ConfigError(f"temporal_ensemble = {decay}: expected a decay of 0 or more, such as {PAPER_DECAY}.")


def ensembled_horizon(inner: Horizon, decay: float) -> Horizon:
    """Horizon of a temporal ensemble: `(To, Tp, 1)`.

    Raises:
        ConfigError: for a negative decay, or a policy that predicts one action only.
    """
    _check(decay)
    if inner.n_action_steps == 1:
        raise ConfigError("this policy executes one action a call (Ta = 1): there is nothing to ensemble.")
    return Horizon(inner.n_obs_steps, inner.horizon, 1)
