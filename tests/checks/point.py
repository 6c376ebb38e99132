"""A task that passes every check: a point that moves to where it is told."""

from __future__ import annotations

import copy
from typing import Any, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.spaces import action_space, observation_space
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, TaskSpec
from dpbench.states import StateField, check_state

TASK = TaskSpec(
    id="test/Point-v0",
    observations={"agent_pos": ArraySpec((2,), "float32", -3.0, 3.0, "m", ("x", "y"))},
    action=ActionSpec(("x", "y"), (-1.0, -1.0), (1.0, 1.0), "m", "position", "plane"),
    rate_hz=10.0,
    max_episode_steps=50,
    success="the point is within 1 mm of the middle",
    score="progress",
    reward_range=(0.0, 1.0),
    packages=("numpy",),
    evaluation=(EvaluationStarts("seeds-0", 0, 10),),
    store_arrays={"agent_pos": "agent_pos", "action": "action"},
    modes=("left", "right"),
)


FIELDS = (StateField("place", -3.0, 3.0, "m", count=2), StateField("mode", -1, 1, whole=True))


class Point(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Half of the way to the target at each step."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self) -> None:
        self.observation_space = observation_space(TASK.observations)
        self.action_space = action_space(TASK.action)
        self.place = np.zeros(2)
        self.mode = -1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.mode = -1
        self.place = self.np_random.uniform(-1.0, 1.0, 2)
        if options:
            self.set_state(options["state"])
        return self.observation(), self.info()

    def step(self, action: NDArray[np.float32]) -> Any:
        target = TASK.action.check(action)
        self.place = (self.place + target) / 2
        if self.mode < 0:
            self.mode = int(self.place[0] > 0)
        solved = bool(np.linalg.norm(self.place) < 0.001)
        return self.observation(), float(solved), solved, False, self.info()

    def observation(self) -> dict[str, NDArray[np.float32]]:
        return {"agent_pos": self.place.astype(np.float32)}

    def info(self) -> dict[str, Any]:
        distance = float(np.linalg.norm(self.place))
        return {"is_success": distance < 0.001, "progress": max(0.0, 1.0 - distance), "mode": self.mode}

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def get_state(self) -> NDArray[np.float64]:
        return np.append(self.place, self.mode)

    def set_state(self, state: NDArray[np.float64]) -> None:
        values = check_state(state, FIELDS)
        self.place, self.mode = values[:2], int(values[2])
