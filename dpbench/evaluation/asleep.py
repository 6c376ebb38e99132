"""An environment whose episode is over, in a batch whose others go on: it costs nothing more."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym

ASLEEP = "asleep"
"""Key of `reset`'s options: stay as you are, and do nothing until the next reset without it."""


class Asleep(gym.Wrapper[Any, Any, Any, Any]):
    """Repeats its last observation while it sleeps.

    A batch of single environments steps all of them until the slowest has ended. Without this a policy that fails in
    one start of fifty is billed fifty episodes of full length.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._asleep = False
        self._observation: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, or go to sleep where the options say so."""
        self._asleep = bool((options or {}).get(ASLEEP))
        if self._asleep:
            return self._observation, {}
        self._observation, info = super().reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step, or none."""
        if self._asleep:
            return self._observation, 0.0, False, False, {}
        step = super().step(action)
        self._observation = step[0]
        return step
