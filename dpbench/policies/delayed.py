"""A policy that acts late: its observations are n control steps old, and the first n actions of a chunk are lost.

    step               t-n-To+1 ... t-n | t-n+1 ... t-1 | t ... t-n+Ta-1
    given to it        x       x    x   |               |
    chunk                           x   |   x   x    x  | x  x  x     x
    executed                            |               | x  x  x     x

Source: Chi et al. 2023 (Diffusion Policy, arXiv 2303.04137), Fig. 5 right: latency is the number of steps between the
last observed frame and the first action that can be executed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations, Policy
from dpbench.spec import Horizon


class DelayedPolicy:
    """Any policy, acting late.

    Args:
        policy: predicts chunks of Ta actions.
        n_latency_steps: steps between the last observed and the first executed (n), from 0 to Ta - 1.

    Raises:
        ConfigError: for any other number.
    """

    def __init__(self, policy: Policy, n_latency_steps: int) -> None:
        self.horizon = delayed_horizon(policy.horizon, n_latency_steps)
        self._policy = policy
        self._late = n_latency_steps

    def reset(self) -> None:
        """Reset the policy inside."""
        self._policy.reset()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, To + n, ...)` -> `(B, Ta - n, Da)`."""
        n_seen = self.horizon.n_obs_steps - self._late
        old: dict[str, NDArray[Any]] = {key: value[:, :n_seen] for key, value in observations.items()}
        return self._policy.act(old, noise)[:, self._late :]


def delayed_horizon(inner: Horizon, n_latency_steps: int) -> Horizon:
    """Horizon of a policy that acts n steps late: `(To + n, Tp, Ta - n)`.

    Raises:
        ConfigError: unless n is from 0 to Ta - 1.
    """
    if not 0 <= n_latency_steps < inner.n_action_steps:
        raise ConfigError(
            f"latency_steps = {n_latency_steps}: expected 0 to {inner.n_action_steps - 1}, since this policy "
            f"executes {inner.n_action_steps} actions a call (Ta), and one of them is lost for each step of latency."
        )
    return Horizon(inner.n_obs_steps + n_latency_steps, inner.horizon, inner.n_action_steps - n_latency_steps)
