"""The digital twin in real time, a scripted operator and a simple policy, for tests of sessions.

Time bounds are wide, since the machine may have other work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import dpbench  # noqa: F401  # registers the environments
from dpbench.envs.real_arm.drivers.sim import SimServo
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon
from dpbench.tasks import load_task

TASK = load_task("dpbench/RealArm-v0")
PERIOD_S = 1.0 / TASK.rate_hz
STILL_M, STILL_WITHIN_S = 0.002, 0.8
PATIENT_S = 2.0
"""A stale state is only a fault after this time, where staleness is not tested: other work may slow down the twin."""

Act = str | Callable[[], object]


class Keys:
    """An operator by script: presses each key, or does something, once a certain text is shown."""

    shows_pictures = True

    def __init__(self, *script: tuple[str, Act]) -> None:
        self._script = list(script)
        self.lines: Sequence[str] = ()
        self.began_s = time.monotonic()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        assert picture.ndim == 3
        self.lines = lines

    def pressed(self) -> tuple[str, ...]:
        assert time.monotonic() - self.began_s < 60.0, f"still waiting for {self._script[:1]}: {self.lines}"
        if not self._script or self._script[0][0] not in " ".join(self.lines):
            return ()
        act = self._script.pop(0)[1]
        if isinstance(act, str):
            return (act,)
        act()
        return ()


@contextmanager
def arm(
    task_id: str = TASK.id, stale_s: float = PATIENT_S, **options: Any
) -> Iterator[tuple[gym.Env[Any, Any], SimServo]]:
    options |= {"real_time": True, "stale_s": stale_s}
    env = gym.make(task_id, disable_env_checker=True, max_episode_steps=-1, **options)
    try:
        yield env, env.unwrapped._world._servo  # type: ignore[attr-defined]
    finally:
        env.close()


class Still:
    """A policy that holds the first observed pose; inference takes a given time."""

    horizon = Horizon(n_obs_steps=2, horizon=10, n_action_steps=8)

    def __init__(self, takes_s: float = 0.0) -> None:
        self._takes_s = takes_s
        self._goal: NDArray[np.float32] | None = None

    def reset(self) -> None:
        self._goal = None

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        time.sleep(self._takes_s)
        if self._goal is None:
            place = observations["agent_pos"][0, -1, :3]
            self._goal = np.array([*place, 1, 0, 0, 0, -1, 0, 0], dtype=np.float32)
        return np.repeat(self._goal[None, None], 8, axis=1)
