"""Avoid as a Gymnasium environment."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal, Self, SupportsFloat

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError, check_choice
from dpbench.spaces import action_space, check_render_size, observation_space

from .drawing import draw
from .modes import gap, mode_number
from .scene import CLOSED, OPEN, START_STD_M, SUBSTEPS, model_xml
from .state import check_state
from .task import AGENT_POS, IMAGE_PX, PIXELS, RATE_HZ, TARGET, action_spec

ObsMode = Literal["state", "image"]
CourseName = Literal["open", "closed"]
COURSES = {"open": OPEN, "closed": CLOSED}


class AvoidEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Move a finger through three rows of obstacles to a finish line.

    ## Action space
    `Box((2,), float32)`: target position of the finger, x and y in m (x to the right, y ahead). A position servo drives
    it for 0.1 s (10 Hz). Targets outside the workspace are clipped to it; in the closed course the target also moves by
    4.5 cm a step at most, straight towards the one that is asked for.

    ## Observation space
    | key | obs_mode | shape | meaning | unit |
    |---|---|---|---|---|
    | `agent_pos` | all | (2,) | finger x, y | m |
    | `environment_state` | `state` | (2,) | the last target | m |
    | `pixels` / `top` | `image` | (96, 96, 3) uint8 | the course from above, y up | RGB |

    ## Reward
    1 in the step that crosses the finish line, else 0.

    ## Start
    The finger at y = 0, with x drawn from N(0, 4 mm). `options={"state": ...}` starts from a state of `get_state`.

    ## End
    `terminated` when the finger touches an obstacle (a failure) or crosses the finish line (a success); `truncated`
    after 100 steps (registered time limit).

    ## Info
    `is_success`, `touched` (bool), `progress` (largest y reached, as a share of the way to the finish line), `mode`
    (index of the path in the task's modes, -1 before the last row is passed).

    Args:
        obs_mode: `"state"` or `"image"`.
        course: `"closed"` (version 1) or `"open"` (version 0).
        render_mode: `"rgb_array"` or None.
        render_size: side length of rendered frames, px.

    Raises:
        ConfigError: for an unknown mode or course.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": int(RATE_HZ)}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        obs_mode: ObsMode = "state",
        course: CourseName = "closed",
        render_mode: str | None = None,
        render_size: int = 384,
    ) -> None:
        check_choice("obs_mode", obs_mode, ("state", "image"))
        check_choice("course", course, tuple(COURSES))
        check_choice("render_mode", render_mode, ("rgb_array", None))
        check_render_size(render_size)
        self.render_mode = render_mode
        self._obs_mode, self._render_size = obs_mode, render_size
        self._course = COURSES[course]
        self._action = action_spec(self._course)
        self._low, self._high = np.array(self._action.low), np.array(self._action.high)
        self._model = mujoco.MjModel.from_xml_string(model_xml(self._course))
        self._data = mujoco.MjData(self._model)
        self._begun, self._touched, self._best_y = False, False, 0.0
        self._gaps: list[int] = []
        self.action_space = action_space(self._action)
        second = {"environment_state": TARGET} if obs_mode == "state" else {"pixels.top": PIXELS}
        self.observation_space: gym.spaces.Dict = observation_space({"agent_pos": AGENT_POS, **second})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; see the class for `options`."""
        if unknown := sorted(set(options or {}) - {"state"}):
            raise ConfigError(f"reset options {', '.join(unknown)} are unknown; known is state.")
        given = (options or {}).get("state")
        if given is not None:
            given = check_state(given, self._course)
        super().reset(seed=seed)
        start_x = float(np.clip(self.np_random.normal(0.0, START_STD_M), -4 * START_STD_M, 4 * START_STD_M))
        start = (start_x, 0.0, 0.0, 0.0, start_x, 0.0, 0.0, -1, -1, -1)
        self._set(np.array(start) if given is None else given)
        return self._observation(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One control step.

        Raises:
            ActionError: unless `action` is two finite numbers.
            ResetNeeded: before the first `reset` or `set_state`.
        """
        if not self._begun:
            raise gym.error.ResetNeeded("the finger has no start yet: call reset() before step().")
        data, model = self._data, self._model
        data.ctrl[:] = self._reachable(np.clip(self._action.check(action), self._low, self._high))
        before = data.qpos.tolist()
        for _ in range(SUBSTEPS):
            mujoco.mj_step(model, data)
            if data.ncon:
                self._touched = True
                break
        after = data.qpos.tolist()
        rows_y_m = self._course.rows_y_m
        while len(self._gaps) < len(rows_y_m) and after[1] >= rows_y_m[len(self._gaps)]:
            self._gaps.append(gap(self._course, len(self._gaps), before, after))
        self._best_y = max(self._best_y, after[1])
        info = self._info()
        reward = 1.0 if info["is_success"] else 0.0
        return self._observation(), reward, info["is_success"] or self._touched, False, info

    def get_state(self) -> NDArray[np.float64]:
        """Finger x, y (m), its velocity (m/s), last target (m), largest y (m), gap of each row or -1; `(10,)`."""
        gaps = [*self._gaps, -1, -1, -1][: len(self._course.rows_y_m)]
        return np.concatenate([self._data.qpos, self._data.qvel, self._data.ctrl, [self._best_y], gaps])

    def set_state(self, state: NDArray[np.float64]) -> None:
        """Set a state of `get_state`.

        Raises:
            ConfigError: unless it is ten numbers within their bounds that fit together.
        """
        self._set(check_state(state, self._course))

    def _set(self, values: NDArray[np.float64]) -> None:
        self._begun = True
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:], self._data.qvel[:], self._data.ctrl[:] = values[:2], values[2:4], values[4:6]
        self._gaps = [int(number) for number in values[7:] if number >= 0]
        mujoco.mj_forward(self._model, self._data)
        self._touched, self._best_y = bool(self._data.ncon), float(values[6])

    def render(self) -> NDArray[np.uint8] | None:
        """A frame, `(render_size, render_size, 3)` RGB."""
        return self._frame(self._render_size) if self.render_mode == "rgb_array" else None

    def __copy__(self) -> Self:
        """A full copy: two environments never share a simulation."""
        return copy.deepcopy(self)

    def _reachable(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """The target, or a point towards it that is as far from the last target as a step may lead; `(2,)` m."""
        way = target - self._data.ctrl
        share = self._course.max_step_m / max(math.hypot(*way.tolist()), 1e-12)
        return target if share >= 1 else self._data.ctrl + share * way

    def _frame(self, size_px: int) -> NDArray[np.uint8]:
        return draw(self._course, (float(self._data.qpos[0]), float(self._data.qpos[1])), size_px)

    def _observation(self) -> dict[str, Any]:
        agent_pos = self._data.qpos.astype(np.float32)
        if self._obs_mode == "image":
            return {"agent_pos": agent_pos, "pixels": {"top": self._frame(IMAGE_PX)}}
        return {"agent_pos": agent_pos, "environment_state": self._data.ctrl.astype(np.float32)}

    def _info(self) -> dict[str, Any]:
        progress = min(1.0, max(0.0, self._best_y / self._course.finish_y_m))
        return {
            "is_success": not self._touched and self._best_y >= self._course.finish_y_m,
            "touched": self._touched,
            "progress": progress,
            "mode": mode_number(self._course, self._gaps),
        }
