"""A wrapper that skips the steps of finished environments while the others of the batch still run."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym

SKIP = "skip"
"""Key of `reset`'s options: do nothing until the next reset without it."""


class SkipFinished(gym.Wrapper[Any, Any, Any, Any]):
    """After a reset with the option `skip`, a step does no work and returns the last observation.

    A batch of single environments steps all of them until the slowest has ended. Without this wrapper, a policy that
    fails in one start of fifty pays for fifty episodes of full length.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._skipped = False
        self._observation: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, or skip all steps until the next reset."""
        self._skipped = bool((options or {}).get(SKIP))
        if self._skipped:
            return self._observation, {}
        self._observation, info = super().reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step, or none."""
        if self._skipped:
            return self._observation, 0.0, False, False, {}
        step = super().step(action)
        self._observation = step[0]
        return step
