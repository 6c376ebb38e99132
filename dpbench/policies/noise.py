"""Noise streams: a random stream for each episode, so that results do not depend on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class NoiseStreams:
    """The random streams of a batch of episodes; numpy generators, so that every device gets the same noise.

    Attributes:
        generators: one for each row.
        episodes: number of each row's episode. A policy with a memory finds it by this number, since `act` gets the
            rows of running episodes only.
    """

    generators: tuple[np.random.Generator, ...]
    episodes: tuple[int, ...]

    @classmethod
    def from_seeds(cls, sampler_seed: int, start_seeds: Sequence[int]) -> NoiseStreams:
        """One stream for each start seed; another `sampler_seed` gives other streams."""
        return cls.for_trials([(sampler_seed, start_seed) for start_seed in start_seeds])

    @classmethod
    def for_trials(cls, seeds: Sequence[tuple[int, int]]) -> NoiseStreams:
        """One stream for each pair of sampler seed and start seed."""
        return cls(tuple(np.random.default_rng(pair) for pair in seeds), tuple(range(len(seeds))))

    def __len__(self) -> int:
        return len(self.generators)

    def normal(self, *shape: int) -> NDArray[np.float32]:
        """Standard normal noise, `(B, *shape)` float32."""
        return np.stack([generator.standard_normal(shape, dtype=np.float32) for generator in self.generators])

    def uniform(self, *shape: int) -> NDArray[np.float32]:
        """Uniform noise in [0, 1), `(B, *shape)` float32."""
        return np.stack([generator.random(shape, dtype=np.float32) for generator in self.generators])

    def rows(self, rows: NDArray[np.intp]) -> NoiseStreams:
        """The streams of some episodes, which continue."""
        return NoiseStreams(tuple(self.generators[row] for row in rows), tuple(self.episodes[row] for row in rows))
