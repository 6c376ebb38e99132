"""A wrapper that skips the steps of finished environments while the others of the batch still run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np

from dpbench.errors import DpbenchError, EvaluationError, TaskError
from dpbench.plugins.failures import failure_of, safely_shown

SKIP = "skip"
"""Key of `reset`'s options: do nothing until the next reset without it."""


class SkipFinished(gym.Wrapper[Any, Any, Any, Any]):
    """After a reset with the option `skip`, a step does no work and returns the last observation.

    What the environment raises is named with the start seed and the step: a batch does not tell which one it was.

    A batch of single environments steps all of them until the slowest has ended. Without this wrapper, a policy that
    fails in one start of fifty pays for fifty episodes of full length.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._skipped = False
        self._observation: Any = None
        self._seed: int | None = None
        self._step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, or skip all steps until the next reset."""
        self._skipped = bool((options or {}).get(SKIP))
        if self._skipped:
            return self._observation, {}
        self._seed, self._step = seed, 0
        with self._named():
            self._observation, info = super().reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step, or none."""
        if self._skipped:
            return self._observation, 0.0, False, False, {}
        self._step += 1
        with self._named():
            step = super().step(action)
            if isinstance(step[4], dict):  # anything else is told by who reads it
                _check_success(step[4].get("is_success", False))
        self._observation = step[0]
        return step

    @contextmanager
    def _named(self) -> Iterator[None]:
        moment = f"step {self._step}" if self._step else "before its first step"
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            told = error if isinstance(error, DpbenchError) else f"the environment raised {failure_of(error)}"
            raise EvaluationError(f"start seed {self._seed}, {moment}: {told}") from error


def _check_success(told: object) -> None:
    """Refuse all but True, False, 1 and 0 before a batch makes them True or False: `"no"` and NaN would be True.

    Raises:
        TaskError: for anything else.
    """
    if isinstance(told, bool | np.bool_) or (isinstance(told, int | float | np.number) and told in (0, 1)):
        return
    if isinstance(told, np.ndarray) and told.shape == () and told.dtype == np.bool_:
        return
    raise TaskError(f"the environment's info['is_success'] is {safely_shown(told)}, expected True or False.")
