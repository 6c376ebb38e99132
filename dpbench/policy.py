"""What a policy is, its noise, and the runner that turns single observations into single actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.spec import Horizon

Observations = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class NoiseStreams:
    """One random stream an episode, so that an episode's noise does not depend on the batch it runs in.

    Numpy generators: the same noise on every device.

    Attributes:
        generators: one a row.
        episodes: number of each row's episode, by which a policy with a memory keeps it; `act` gets the rows
            of running episodes only.
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
        """The streams of some episodes; they go on where they were."""
        return NoiseStreams(tuple(self.generators[row] for row in rows), tuple(self.episodes[row] for row in rows))


class Policy(Protocol):
    """The one door of the evaluator; a network, a script or a remote server fits it."""

    @property
    def horizon(self) -> Horizon:
        """Observed, predicted and executed steps."""
        ...

    def reset(self) -> None:
        """Forget everything about past episodes."""
        ...

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """A chunk of actions from the observation history.

        Args:
            observations: flat key -> `(B, To, ...)`, in the task's units.
            noise: B streams; the only source of randomness.

        Returns:
            `(B, Ta, Da)` in the task's units.
        """
        ...


class PolicyRunner:
    """Receding horizon over a batch of environments that started together.

    Keeps the last To observations (the first one repeated before the start), asks the policy for a
    chunk every Ta steps and hands out its actions one by one. Finished episodes are left out of the
    policy's batch; their last action is repeated.
    """

    def __init__(self, policy: Policy, noise: NoiseStreams) -> None:
        self._policy = policy
        self._noise = noise
        self._history: dict[str, NDArray[Any]] = {}
        self._chunk: NDArray[np.float32] | None = None
        self._next = 0
        policy.reset()

    def replans(self) -> bool:
        """True when the next call of `act` asks the policy for a new chunk."""
        return self._chunk is None or self._next >= self._policy.horizon.n_action_steps

    def act(self, observations: Observations, active: NDArray[np.bool_]) -> NDArray[np.float32]:
        """One action an environment.

        Args:
            observations: flat key -> `(B, ...)`, the newest.
            active: `(B,)`, False where the episode is over.

        Returns:
            `(B, Da)` in the task's units.
        """
        self._remember(observations)
        if self.replans():
            rows = np.flatnonzero(active)
            chunk = self._policy.act({key: value[rows] for key, value in self._history.items()}, self._noise.rows(rows))
            if self._chunk is None:
                self._chunk = np.zeros((len(active), *chunk.shape[1:]), dtype=np.float32)
            else:
                self._chunk[:] = self._chunk[:, -1:]
            self._chunk[rows] = chunk
            self._next = 0
        assert self._chunk is not None
        action = self._chunk[:, self._next]
        self._next += 1
        return action

    def _remember(self, observations: Observations) -> None:
        n_obs_steps = self._policy.horizon.n_obs_steps
        if not self._history:
            # (B, ...) -> (B, To, ...), the first observation repeated
            self._history = {key: np.repeat(value[:, None], n_obs_steps, axis=1) for key, value in observations.items()}
            return
        for key, value in observations.items():
            history = self._history[key]
            history[:, :-1] = history[:, 1:]
            history[:, -1] = value
