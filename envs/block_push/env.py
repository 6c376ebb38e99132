"""Block push as a Gymnasium environment."""

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
from dpbench.states import check_state

from .drawing import draw
from .progress import Progress
from .scene import (
    BLOCK_HALF_M,
    EFFECTOR_START_M,
    JUMPING,
    SETTLE_STEPS,
    TABLETOP,
    X_RANGE_M,
    Y_RANGE_M,
    model_xml,
)
from .starts import Start, draw_start
from .state import fields
from .task import IMAGE_PX, PIXELS, POSITION_ACTION, RATE_HZ, agent_pos, delta_action, environment_state

ObsMode = Literal["state", "image"]
ActionMode = Literal["delta", "position"]
ArmName = Literal["tabletop", "jumping"]
ARMS = {"tabletop": TABLETOP, "jumping": JUMPING}
PHYSICS = mujoco.mjtState.mjSTATE_INTEGRATION
"""All that the next step depends on, including the solver's warm start."""
N_TARGETS, N_PROGRESS = 6, 11


class BlockPushEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Push two blocks into two targets, in either order and pairing.

    ## Action space
    `action_mode="delta"`: `Box(-0.04, 0.04, (2,), float32)`, m added to the effector's target (not to its measured
    position). `"position"`: the target itself, m. The target is then clipped to the workspace, x [0.15, 0.70] and
    y [-0.5, 0.5], and moves towards it by 4 cm at most, in a straight line during the step; 10 Hz. With the jumping arm
    (version 0) displacements are +-0.1 m, and the target is at once where the action puts it.

    ## Observation space
    | key | obs_mode | shape | meaning | unit |
    |---|---|---|---|---|
    | `agent_pos` | all | (2,) | effector x, y | m |
    | `environment_state` | `state` | (14,) | block x, y, yaw; block2 x, y, yaw; effector target x, y; target x, y, \
yaw; target2 x, y, yaw | m, rad; yaw in [0, pi) |
    | `pixels` / `top` | `image` | (96, 96, 3) uint8 | the table from above | RGB |

    `demonstrations.published_order` gives the 16 numbers of both vectors in the published order.

    ## Reward
    0.49 when a block first enters a target (centres within 5 cm), 0.51 in the step in which both blocks are in
    different targets.

    ## Start
    Drawn from the published distribution (`starts.py`). `options={"state": ...}` starts from a state of `get_state`.

    ## End
    `terminated` when both blocks are in different targets; `truncated` after 350 steps (registered time limit).

    ## Info
    `is_success` (both stages passed), `stage_reward` (0, 0.49, 0.51 or 1), `mode` (index into the task's modes, -1
    before a block is in a target), `REACH_0`, `REACH_1`, `TARGET_0_0` ... `TARGET_1_1` (step of the event or -1).

    Args:
        obs_mode: `"state"` or `"image"`.
        action_mode: `"delta"` or `"position"`.
        arm: `"tabletop"` (version 1) or `"jumping"` (version 0).
        render_mode: `"rgb_array"` or None.
        render_size: side length of rendered frames, px.

    Raises:
        ConfigError: for an unknown mode or arm.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": int(RATE_HZ)}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        obs_mode: ObsMode = "state",
        action_mode: ActionMode = "delta",
        arm: ArmName = "tabletop",
        render_mode: str | None = None,
        render_size: int = 384,
    ) -> None:
        check_choice("obs_mode", obs_mode, ("state", "image"))
        check_choice("action_mode", action_mode, ("delta", "position"))
        check_choice("arm", arm, tuple(ARMS))
        check_choice("render_mode", render_mode, (None, "rgb_array"))
        check_render_size(render_size)
        self.render_mode = render_mode
        self._obs_mode, self._render_size = obs_mode, render_size
        self._arm = ARMS[arm]
        self._action = delta_action(self._arm) if action_mode == "delta" else POSITION_ACTION
        self._model = mujoco.MjModel.from_xml_string(model_xml(self._arm))
        self._data = mujoco.MjData(self._model)
        self._n_physics = mujoco.mj_stateSize(self._model, PHYSICS)
        self._begun = False
        self._targets: list[float] = [0.0] * N_TARGETS
        self._progress = Progress((0.0, 0.0))
        self.action_space = action_space(self._action)
        second = {"environment_state": environment_state(self._arm)} if obs_mode == "state" else {"pixels.top": PIXELS}
        self.observation_space: gym.spaces.Dict = observation_space({"agent_pos": agent_pos(self._arm), **second})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; see the class for `options`."""
        if unknown := sorted(set(options or {}) - {"state"}):
            raise ConfigError(f"reset options {', '.join(unknown)} are unknown; known is state.")
        if options and "state" in options:
            self.set_state(options["state"])
        super().reset(seed=seed)
        if not (options and "state" in options):
            self._place(draw_start(self.np_random))
        return self._observation(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One control step.

        Raises:
            ActionError: unless `action` is two finite numbers.
            ResetNeeded: before the first `reset` or `set_state`.
        """
        if not self._begun:
            raise gym.error.ResetNeeded("the blocks have no start yet: call reset() before step().")
        x, y = self._action.check(action).tolist()
        if self._action.kind == "delta":
            target_x, target_y = self._target()
            x, y = x + target_x, y + target_y
        self._move(min(max(x, X_RANGE_M[0]), X_RANGE_M[1]), min(max(y, Y_RANGE_M[0]), Y_RANGE_M[1]))
        places = self._data.qpos.tolist()
        targets = self._targets
        reward = self._progress.step(
            ((places[0], places[1]), (places[7], places[8])), ((targets[0], targets[1]), (targets[3], targets[4]))
        )
        return self._observation(), reward, self._progress.got_both, False, self._info()

    def get_state(self) -> NDArray[np.float64]:
        """The physics state, the targets' poses and the episode's progress, in one vector."""
        physics = np.empty(self._n_physics)
        mujoco.mj_getState(self._model, self._data, physics, PHYSICS)
        return np.concatenate([physics, self._targets, self._progress.as_numbers()])

    def set_state(self, state: NDArray[np.float64]) -> None:
        """Set a state of `get_state`.

        Raises:
            ConfigError: unless all numbers are within their bounds and fit together.
        """
        values = check_state(state, fields(self._model, self._arm))
        progress = Progress.from_numbers(values[-N_PROGRESS:].tolist())
        targets = values[self._n_physics : -N_PROGRESS].tolist()
        # The state begins with the time, then the poses of the blocks: seven numbers each.
        blocks = (values[1], values[2]), (values[8], values[9])
        if contradiction := progress.contradiction(blocks, ((targets[0], targets[1]), (targets[3], targets[4]))):
            raise ConfigError(f"state, progress of the episode: {contradiction}.")
        mujoco.mj_setState(self._model, self._data, values[: self._n_physics], PHYSICS)
        self._begun, self._targets, self._progress = True, targets, progress

    def render(self) -> NDArray[np.uint8] | None:
        """A frame, `(render_size, render_size, 3)` RGB."""
        return self._frame(self._render_size) if self.render_mode == "rgb_array" else None

    def __copy__(self) -> Self:
        """A full copy: two environments never share a simulation."""
        return copy.deepcopy(self)

    def _target(self) -> list[float]:
        """X and y of the effector's target, m."""
        target: list[float] = (self._data.act if self._arm.moves else self._data.ctrl).tolist()
        return target

    def _move(self, x: float, y: float) -> None:
        """Simulate one control step towards a target in the workspace, m."""
        data = self._data
        if not self._arm.moves:
            data.ctrl[:] = x, y
            mujoco.mj_step(self._model, data, self._arm.substeps)
            return
        last_x, last_y = data.act.tolist()
        share = self._arm.max_step_m / max(math.hypot(x - last_x, y - last_y), 1e-12)
        if share < 1:
            x, y = last_x + share * (x - last_x), last_y + share * (y - last_y)
        data.ctrl[:] = (x - last_x) * RATE_HZ, (y - last_y) * RATE_HZ
        mujoco.mj_step(self._model, data, self._arm.substeps)
        data.act[:] = x, y  # where it is already, but for rounding

    def _place(self, start: Start) -> None:
        self._begun = True
        mujoco.mj_resetData(self._model, self._data)
        for at, (x, y, yaw) in zip((0, 7), start.blocks, strict=True):
            self._data.qpos[at : at + 7] = x, y, BLOCK_HALF_M, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)
        self._data.qpos[14:] = EFFECTOR_START_M
        (self._data.act if self._arm.moves else self._data.ctrl)[:] = EFFECTOR_START_M
        mujoco.mj_step(self._model, self._data, SETTLE_STEPS)
        self._targets = [number for target in start.targets for number in target]
        places = self._data.qpos.tolist()
        self._progress = Progress((math.hypot(*places[0:2]), math.hypot(*places[7:9])))

    def _poses(self) -> list[float]:
        """X, y (m) and yaw in [0, pi) of both blocks, six numbers, and x, y of the effector."""
        x, y, _, w, _, _, z, x2, y2, _, w2, _, _, z2, rod_x, rod_y = self._data.qpos.tolist()
        # Blocks stay flat, so that the quaternion is a rotation about z.
        return [x, y, 2 * math.atan2(z, w) % math.pi, x2, y2, 2 * math.atan2(z2, w2) % math.pi, rod_x, rod_y]

    def _frame(self, size_px: int) -> NDArray[np.uint8]:
        poses, targets = self._poses(), self._targets
        return draw(poses[6:], (poses[:3], poses[3:6]), (targets[:3], targets[3:]), size_px)

    def _observation(self) -> dict[str, Any]:
        poses = self._poses()
        agent_pos = np.array(poses[6:], dtype=np.float32)
        if self._obs_mode == "image":
            return {"agent_pos": agent_pos, "pixels": {"top": self._frame(IMAGE_PX)}}
        state = [*poses[:6], *self._target(), *self._targets]
        return {"agent_pos": agent_pos, "environment_state": np.array(state, dtype=np.float32)}

    def _info(self) -> dict[str, Any]:
        progress = self._progress
        return {
            "is_success": progress.got_first and progress.got_both,
            "stage_reward": progress.total,
            "mode": progress.mode,
            **progress.events(),
        }
