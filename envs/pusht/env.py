"""Push-T as a Gymnasium environment."""

from __future__ import annotations

import copy
import math
from typing import Any, Self, SupportsFloat

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.spaces import action_space, check_render_size

from .geometry import keypoints
from .task import ACTION, RATE_HZ
from .window import Window
from .world import ObsMode, World, as_observation, check_options, observation_space

RENDER_MODES = ("rgb_array", "human")


class PushTEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Push a T-shaped block onto its goal pose with a round finger.

    ## Action space
    `Box(0, 512, (2,), float32)`: target position of the finger, x and y in px, y down. Not clipped: beyond the bounds
    the finger leaves the window, as in the published environment. A PD controller drives it for 0.1 s (10 Hz).

    ## Observation space
    A `Dict`; `obs_mode` chooses what is observed besides the finger's position.

    | key | obs_mode | shape | meaning | unit |
    |---|---|---|---|---|
    | `agent_pos` | all | (2,) | finger x, y | px |
    | `environment_state` | `state` | (3,) | block x, y (middle of the bar's top edge), angle in [0, 2 pi) | px, rad |
    | `environment_state` | `keypoints` | (18,) | nine points of the block, x0, y0, x1, ... | px |
    | `pixels` / `top` | `image` | (96, 96, 3) uint8 | the scene without the action's marker | RGB |

    ## Reward
    `min(coverage / 0.95, 1)`, where coverage is the share of the goal's area that the block covers. Published scores
    are the maximum of this reward over an episode.

    ## Start
    `reset(seed=...)` draws finger, block and angle from the environment's generator. Options:
    `draw="legacy"` draws as the published environment does, from numpy's legacy generator seeded with `seed`;
    `set_order="legacy"` sets the block's position before its angle, which moves it (published evaluations use both);
    `state=(agent x, y, block x, y, angle)` starts from a given state.

    ## End
    `terminated` when coverage exceeds 0.95; `truncated` after 300 steps (registered time limit).

    ## Info
    `is_success` (bool), `coverage` (0 to 1), `n_contacts` (contact points per sub-step, rounded up), `mode` (which side
    of the T was touched first, an index into the task's modes; -1 before), at every step.

    Args:
        obs_mode: `"state"`, `"keypoints"` or `"image"`.
        render_mode: `"rgb_array"`, `"human"` (needs pygame) or None.
        render_size: side length of rendered frames, px.
        space_damping: share of its velocity that the block keeps per second; 0 in the published environment.
        block_cog: centre of gravity in the block's frame, px; None for the published (0, 45).

    Raises:
        ConfigError: for an unknown mode.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": int(RATE_HZ)}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        obs_mode: ObsMode = "state",
        render_mode: str | None = None,
        render_size: int = 512,
        space_damping: float = 0.0,
        block_cog: tuple[float, float] | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ConfigError(f"render_mode = {render_mode!r}: expected {', '.join(RENDER_MODES)} or None.")
        check_render_size(render_size)
        self.render_mode = render_mode
        self._world = World(obs_mode, space_damping, block_cog)
        self._obs_mode: ObsMode = obs_mode
        self._render_size = render_size
        self._window: Window | None = None
        self.observation_space = observation_space(obs_mode)
        self.action_space = action_space(ACTION)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; see the class for `options`."""
        options = check_options(options)
        super().reset(seed=seed)
        self._world.reset(self.np_random, seed, options)
        if self._window is not None:
            self._window.release()
        if self.render_mode == "human":
            self.render()
        return self._observation(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One control step.

        Raises:
            ActionError: unless `action` is two finite numbers.
        """
        target = ACTION.check(action)
        self._world.step(float(target[0]), float(target[1]))
        if self.render_mode == "human":
            self.render()
        world = self._world
        return self._observation(), world.reward, world.is_success, False, self._info()

    def get_state(self) -> NDArray[np.float64]:
        """Agent x, y, block x, y (px), block angle (rad), finger velocity x, y (px/s); `(7,)`."""
        return self._world.get_state()

    def set_state(self, state: NDArray[np.float64]) -> None:
        """Set a state of `get_state`, or its first five values.

        The contact forces of the previous step are not part of the state. Without contact the episode continues bit for
        bit as before; in contact the solver starts without them, as after a reset.
        """
        self._world.set_state(state)

    def keypoints_in_published_order(self) -> NDArray[np.float32]:
        """The 20 values of the released low-dimensional data: nine keypoints, then the agent; px."""
        step = self.store_step()
        return np.concatenate([step["keypoints"], step["agent_pos"]])

    def render(self) -> NDArray[np.uint8] | None:
        """A frame, `(render_size, render_size, 3)` RGB; None when it is shown in the window."""
        if self.render_mode is None:
            return None
        frame = self._world.frame(self._render_size)
        if self.render_mode == "rgb_array":
            return frame
        self._human_window().show(frame)
        return None

    def human_action(self) -> NDArray[np.float32] | None:
        """Position of the mouse in the window, px, once it has touched the finger; None before.

        Raises:
            ConfigError: unless `render_mode` is `"human"`.
        """
        if self.render_mode != "human":
            raise ConfigError("mouse control needs a window: gym.make(..., render_mode='human').")
        agent_x, agent_y, *_ = self._world.started().state()
        return self._human_window().mouse_target((agent_x, agent_y))

    def human_keys(self) -> tuple[str, ...]:
        """Names of the keys pressed in the window since the last call (`"q"`, `"r"`, ...)."""
        return self._human_window().keys()

    def store_step(self) -> dict[str, NDArray[np.float32]]:
        """The state as the published data set stores it: `agent_pos` (2,), `block_pose` (3,), `keypoints` (18,)."""
        agent_x, agent_y, x, y, angle, *_ = self._world.get_state().tolist()
        return {
            "agent_pos": np.array([agent_x, agent_y], dtype=np.float32),
            "block_pose": np.array([x, y, angle % (2 * math.pi)], dtype=np.float32),
            "keypoints": keypoints(x, y, angle).astype(np.float32),
        }

    def close(self) -> None:
        """Close the window."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __copy__(self) -> Self:
        """A full copy: two environments never share a simulation."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: all but the window, of which each environment opens its own."""
        return {**self.__dict__, "_window": None}

    def _human_window(self) -> Window:
        if self._window is None:
            self._window = Window(self._render_size, int(RATE_HZ))
        return self._window

    def _observation(self) -> dict[str, Any]:
        state, second = self._world.observe()
        return as_observation(self._obs_mode, np.array(state[:2], dtype=np.float32), second)

    def _info(self) -> dict[str, Any]:
        world = self._world
        return {
            "is_success": world.is_success,
            "coverage": world.coverage,
            "n_contacts": world.n_contacts,
            "mode": world.side,
        }
