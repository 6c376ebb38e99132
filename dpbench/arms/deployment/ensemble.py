"""Temporal ensembling in real time: what several chunks say of the same moment, averaged.

Source: Zhao et al. 2023 (ACT, arXiv 2304.13705), Alg. 2: weights exp(-decay * i), i = 0 for the oldest prediction. On
an arm chunks do not lie on one grid of steps, since each starts at the time of a frame; so every older chunk is read
at the times of the newest one, linearly between its actions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError


class ChunkEnsemble:
    """The chunks of one episode.

    Args:
        decay: 0 weighs all chunks alike, more favours older ones.
        n_chunks: how many are remembered.

    Raises:
        ConfigError: for a negative decay.
    """

    def __init__(self, decay: float, n_chunks: int) -> None:
        if not decay >= 0:
            raise ConfigError(f"decay = {decay}: expected 0 or more, such as 0.01.")
        self._decay = decay
        self._chunks: deque[tuple[NDArray[np.float64], NDArray[np.float32]]] = deque(maxlen=n_chunks)

    def mean(self, times_s: Sequence[float], chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the newest chunk.

        Args:
            times_s: when its actions are due, increasing.
            chunk: `(n, Da)`.

        Returns:
            `(n, Da)`: the weighted mean of all chunks that reach each time.
        """
        times = np.asarray(times_s, dtype=np.float64)
        self._chunks.append((times, chunk))
        total, weights = np.zeros(chunk.shape), np.zeros((len(chunk), 1))
        rank = np.zeros((len(chunk), 1))  # of a chunk among those that reach a time, the oldest first
        for known_times, known in self._chunks:
            reaches = ((times >= known_times[0]) & (times <= known_times[-1]))[:, None]
            at = np.stack([np.interp(times, known_times, column) for column in known.T], axis=1)
            weight = np.where(reaches, np.exp(-self._decay * rank), 0.0)
            total, weights, rank = total + weight * at, weights + weight, rank + reaches
        mean: NDArray[np.float32] = (total / weights).astype(np.float32)
        return mean
