"""A batch of Push-T environments in one process, as a Gymnasium VectorEnv."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from dpbench.errors import ConfigError, check_whole
from dpbench.spaces import action_space, check_render_size

from . import MAX_EPISODE_STEPS
from .env import RENDER_MODES, PushTEnv
from .task import ACTION
from .world import ObsMode, World, as_observation, check_options, observation_space

Observation = dict[str, Any]


MAX_ENVS = 100_000


class PushTVectorEnv(VectorEnv[Observation, NDArray[np.float32], NDArray[Any]]):
    """`num_envs` Push-T worlds; each is equal, bit for bit, to a `PushTEnv` with the same seed and actions.

    Arrays are batched: observations `(N, ...)`, rewards `(N,)`, infos `is_success`, `coverage`, `n_contacts`,
    `mode` `(N,)`. Episodes are truncated after `max_episode_steps`. Autoreset modes are Gymnasium's: NEXT_STEP (the
    step after the end of an episode resets and ignores its action), SAME_STEP (`final_obs` and `final_info` in the
    infos) or DISABLED (reset with `options={"reset_mask": ...}`).

    Args:
        num_envs: number of worlds (N).
        obs_mode: `"state"`, `"keypoints"` or `"image"`.
        render_mode: `"rgb_array"` or None.
        render_size: side of rendered frames, px.
        max_episode_steps: time limit, None for no limit.
        autoreset_mode: see above.

    Raises:
        ConfigError: for an unknown mode, or fewer than one world.
    """

    metadata = {**PushTEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        num_envs: int = 1,
        obs_mode: ObsMode = "state",
        render_mode: str | None = None,
        render_size: int = 512,
        max_episode_steps: int | None = MAX_EPISODE_STEPS,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        check_whole("num_envs", num_envs, 1, MAX_ENVS)
        if render_mode not in (None, "rgb_array"):
            raise ConfigError(f"render_mode = {render_mode!r}: a batch supports {RENDER_MODES[0]!r} or None.")
        check_render_size(render_size)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self._render_size = render_size
        self._max_episode_steps = max_episode_steps
        self._mode = AutoresetMode(autoreset_mode)
        self.metadata = {**PushTEnv.metadata, "autoreset_mode": self._mode}
        self._obs_mode: ObsMode = obs_mode
        self._worlds = [World(obs_mode) for _ in range(num_envs)]
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        self._steps = np.zeros(num_envs, dtype=np.int64)
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self.single_observation_space = observation_space(obs_mode)
        self.single_action_space = action_space(ACTION)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset all worlds, or those of `options["reset_mask"]`.

        Args:
            seed: one for each world, or the first of consecutive ones.
            options: those of `PushTEnv.reset`, and `reset_mask` (N,) bool.

        Raises:
            ConfigError: for seeds or a mask of another length.
        """
        seeds = self._seeds(seed)
        options = dict(options or {})
        mask = np.asarray(options.pop("reset_mask", np.ones(self.num_envs, dtype=np.bool_)))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ConfigError(f"reset_mask {mask!r}: expected {self.num_envs} booleans, at least one True.")
        options = check_options(options)
        for index in np.flatnonzero(mask):
            self._reset_one(int(index), seeds[index], options)
        return self._observations(), self._infos(mask)

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One control step of every world.

        Raises:
            ActionError: unless `actions` is `(N, 2)` finite numbers.
            ConfigError: when autoreset is disabled and an episode is over.
        """
        targets = ACTION.check(actions, (self.num_envs,)).tolist()
        if self._mode == AutoresetMode.DISABLED and self._over.any():
            over = np.flatnonzero(self._over).tolist()
            raise ConfigError(f"episodes {over} are over and autoreset is disabled; reset them with 'reset_mask'.")
        restarted = self._over & (self._mode == AutoresetMode.NEXT_STEP)
        for index, (target_x, target_y) in enumerate(targets):
            if restarted[index]:
                self._reset_one(index, None, {})
            else:
                self._worlds[index].step(target_x, target_y)
        self._steps = np.where(restarted, 0, self._steps + 1)
        rewards = np.array([world.reward for world in self._worlds])
        rewards[restarted] = 0.0
        terminated = np.array([world.is_success for world in self._worlds]) & ~restarted
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        if self._max_episode_steps is not None:
            truncated = (self._steps >= self._max_episode_steps) & ~restarted
        self._over = terminated | truncated
        final = self._restart_finished() if self._mode == AutoresetMode.SAME_STEP else {}
        every = np.ones(self.num_envs, dtype=np.bool_)
        return self._observations(), rewards, terminated, truncated, {**self._infos(every), **final}

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One frame per world, `(render_size, render_size, 3)` RGB."""
        if self.render_mode is None:
            return None
        return tuple(world.frame(self._render_size) for world in self._worlds)

    def get_state(self) -> NDArray[np.float64]:
        """The states of all worlds, `(N, 7)`, as `PushTEnv.get_state`."""
        return np.stack([world.get_state() for world in self._worlds])

    def __copy__(self) -> Self:
        """A full copy: two batches never share a simulation."""
        return copy.deepcopy(self)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + index for index in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ConfigError(
                f"{len(seed)} seeds for {self.num_envs} worlds; give one per world, or the first as one number."
            )
        return list(seed)

    def _reset_one(self, index: int, seed: int | None, options: dict[str, Any]) -> None:
        rng = self._rngs[index]
        if rng is None or seed is not None:
            rng, _ = seeding.np_random(seed)
            self._rngs[index] = rng
        self._worlds[index].reset(rng, seed, options)
        self._steps[index] = 0
        self._over[index] = False

    def _restart_finished(self) -> dict[str, Any]:
        if not self._over.any():
            return {}
        over = self._over.copy()
        final_obs = np.full(self.num_envs, None, dtype=object)
        for index in np.flatnonzero(over):
            state, second = self._worlds[index].observe()
            final_obs[index] = as_observation(self._obs_mode, np.array(state[:2], dtype=np.float32), second)
        final_info = self._infos(over)
        for index in np.flatnonzero(over):
            self._reset_one(int(index), None, {})
        return {"final_obs": final_obs, "_final_obs": over, "final_info": final_info, "_final_info": over.copy()}

    def _observations(self) -> Observation:
        states, seconds = zip(*(world.observe() for world in self._worlds), strict=True)
        agent_pos = np.array([state[:2] for state in states], dtype=np.float32)
        return as_observation(self._obs_mode, agent_pos, np.stack(seconds))

    def _infos(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        infos: dict[str, Any] = {
            "is_success": np.array([world.is_success for world in self._worlds]) & mask,
            "coverage": np.array([world.coverage for world in self._worlds]) * mask,
            "n_contacts": np.array([world.n_contacts for world in self._worlds]) * mask,
            "mode": np.where(mask, [world.side for world in self._worlds], -1),
        }
        return {**infos, **{f"_{key}": mask.copy() for key in list(infos)}}
