"""The runner: single observations in, single actions out, with an observation buffer and a receding horizon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import PolicyError
from dpbench.policies.acting import check_policy, chunk_of, failing_as
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.observation_buffer import ObservationBuffer
from dpbench.policies.protocol import Observations, Policy

NO_OBSERVATION = -1
"""The step of the observation behind an action that no chunk holds."""


class PolicyRunner:
    """Receding horizon over a batch of environments that started together.

    It buffers the last To observations, asks the policy for a chunk every Ta steps and executes it action by action.
    Finished episodes are left out of the policy's batch; their last action is repeated.

    Args:
        policy: is reset.
        noise: a stream for each environment.
        action_dim: numbers of an action (Da); None takes what the policy returns.

    Raises:
        PolicyError: for a policy that lacks something, or whose `reset` raises.
    """

    def __init__(self, policy: Policy, noise: NoiseStreams, action_dim: int | None = None) -> None:
        check_policy(policy)
        self._policy = policy
        self._noise = noise
        self._observed = ObservationBuffer(policy.horizon.n_obs_steps)
        self._chunk: NDArray[np.float32] | None = None
        self._next = 0
        self._action_dim = action_dim
        self._step = -1
        self.observed_at: NDArray[np.int64] = np.full(len(noise), NO_OBSERVATION)
        """Step of the observation behind the actions that `act` returned last, `(B,)`."""
        with failing_as("reset()"):
            policy.reset()

    def replans(self) -> bool:
        """True when the next call of `act` asks the policy for a new chunk."""
        return self._chunk is None or self._next >= self._policy.horizon.n_action_steps

    def act(self, observations: Observations, active: NDArray[np.bool_]) -> NDArray[np.float32]:
        """One action for each environment.

        Args:
            observations: flat key -> `(B, ...)`, the newest.
            active: `(B,)`, False where the episode is over.

        Returns:
            `(B, Da)` in the task's units.

        Raises:
            PolicyError: for a policy that raises, or returns no chunk; its `row` is that of the environments.
        """
        self._observed.add(observations)
        self._step += 1
        if self.replans():
            rows = np.flatnonzero(active)
            chunk = chunks_of_rows(self._policy, self._observed.history(rows), self._noise, rows, self._action_dim)
            if self._chunk is None:
                self._chunk = np.zeros((len(active), *chunk.shape[1:]), dtype=np.float32)
            else:
                self._chunk[:] = self._chunk[:, -1:]
            self._chunk[rows] = chunk
            self._next = 0
            self.observed_at = np.full(len(active), self._step)
        assert self._chunk is not None
        action = self._chunk[:, self._next]
        self._next += 1
        return action


def chunks_of_rows(
    policy: Policy, histories: Observations, noise: NoiseStreams, rows: NDArray[np.intp], action_dim: int | None
) -> NDArray[np.float32]:
    """Chunks for some rows of a batch.

    Args:
        policy: acts.
        histories: of these rows, flat key -> `(n, To, ...)`.
        noise: of the whole batch.
        rows: `(n,)`.
        action_dim: numbers of an action (Da); None takes what the policy returns.

    Returns:
        `(n, Ta, Da)`.

    Raises:
        PolicyError: as `chunk_of`; its `row` is that of the batch.
    """
    try:
        return chunk_of(policy, histories, noise.rows(rows), action_dim)
    except PolicyError as error:
        raise PolicyError(str(error), None if error.row is None else int(rows[error.row])) from error
