"""One Push-T world: physics, start states, coverage and observations, shared by both environments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench import spaces
from dpbench.errors import ConfigError
from dpbench.states import StateField, check_state

from .geometry import coverage, keypoints
from .modes import side_of
from .physics import SUBSTEPS, Physics, State
from .rendering import draw
from .task import AGENT_POS, BLOCK_POSE, HIGH_PX, IMAGE_PX, KEYPOINTS_SPEC, LOW_PX, PIXELS, SUCCESS_COVERAGE

ObsMode = Literal["state", "keypoints", "image"]
OPTIONS = {"draw", "set_order", "state"}
FINGER_PX, FINGER_PX_S, TURNS_RAD = 1e5, 1e7, 1e4
"""Bounds of a state: no target is clipped, so that the finger may leave the window, and angles are not wrapped."""
FIELDS = (
    StateField("agent x", -FINGER_PX, FINGER_PX, "px"),
    StateField("agent y", -FINGER_PX, FINGER_PX, "px"),
    StateField("block x", LOW_PX, HIGH_PX, "px"),
    StateField("block y", LOW_PX, HIGH_PX, "px"),
    StateField("block angle", -TURNS_RAD, TURNS_RAD, "rad"),
    StateField("finger's velocity", -FINGER_PX_S, FINGER_PX_S, "px/s", 2),
)
N_POSES = 5
"""Numbers of a state without the velocity."""
LEGACY_SEEDS = 25_536
"""Without a seed, the published environment draws one below this number."""


class World:
    """Physics, score and observation of one environment.

    Attributes:
        physics: None before the first reset.
        coverage: share of the goal covered by the block, 0 to 1.
        n_contacts: contact points per sub-step in the last control step, rounded up.
        last_action: last target, px; None after a reset.
        side: from which side the finger first touched the block, an index into the task's modes; -1 before.
    """

    def __init__(
        self, obs_mode: ObsMode, space_damping: float = 0.0, block_cog: tuple[float, float] | None = None
    ) -> None:
        if obs_mode not in get_args(ObsMode):
            raise ConfigError(f"obs_mode = {obs_mode!r}: expected {', '.join(get_args(ObsMode))}.")
        self._obs_mode = obs_mode
        self._space_damping = space_damping
        self._block_cog = block_cog
        self.physics: Physics | None = None
        self.coverage = 0.0
        self.n_contacts = 0
        self.last_action: tuple[float, float] | None = None
        self.side = -1

    def reset(self, rng: np.random.Generator, seed: int | None, options: Mapping[str, Any] | None) -> None:
        """Start from a new state, in a new physics simulation.

        Args:
            rng: the source of randomness, except for the legacy draw.
            seed: that of `reset`; it decides the legacy draw.
            options: `draw`: `"uniform"` (default) or `"legacy"`; `set_order`: `"exact"` (default) or `"legacy"`;
                `state`: see `set_state`.

        Raises:
            ConfigError: for unknown options or values, or a state of wrong shape.
        """
        options = check_options(options)
        legacy, legacy_draw = options.get("set_order") == "legacy", options.get("draw") == "legacy"
        self.last_action = None
        if options.get("state") is not None:
            if not legacy:
                self.set_state(options["state"])
                return
            start = cast(State, tuple(np.asarray(options["state"]).tolist()))
        elif legacy_draw:
            start = legacy_start(seed if seed is not None else int(rng.integers(LEGACY_SEEDS)))
        else:
            start = uniform_start(rng)
        self._new_physics().set_state(start, legacy)
        self._settle()

    def set_state(self, state: Sequence[float] | NDArray[np.float64]) -> None:
        """Set a state exactly, without a sub-step; contact forces of earlier steps are dropped.

        Args:
            state: `(5,)` agent x, y, block x, y (px), block angle (rad), or `(7,)` with the finger's velocity x, y
                (px/s) appended.

        Raises:
            ConfigError: for another shape, or a number outside its bounds.
        """
        values = check_state(state, FIELDS, N_POSES).tolist()
        physics = self._new_physics()
        physics.place(cast(State, tuple(values[:5])))
        if len(values) == 7:
            physics.set_agent_velocity((values[5], values[6]))
        self._settle()

    def get_state(self) -> NDArray[np.float64]:
        """The state as `set_state` takes it, `(7,)`."""
        physics = self.started()
        return np.array([*physics.state(), *physics.agent_velocity()])

    def step(self, target_x: float, target_y: float) -> None:
        """One control step of 0.1 s towards a target, px."""
        physics = self.started()
        physics.n_contact_points = 0
        physics.step(target_x, target_y)
        self.last_action = (target_x, target_y)
        self._settle()
        if self.side < 0 and physics.n_contact_points:
            self.side = side_of(physics.state())

    @property
    def reward(self) -> float:
        """Coverage over 0.95, at most 1."""
        return min(self.coverage / SUCCESS_COVERAGE, 1.0)

    @property
    def is_success(self) -> bool:
        """Coverage above 0.95."""
        return self.coverage > SUCCESS_COVERAGE

    def observe(self) -> tuple[State, NDArray[Any]]:
        """The state, and the array that the observation mode adds to the agent's position."""
        state = self.started().state()
        _, _, x, y, angle = state
        if self._obs_mode == "state":
            return state, np.array([x, y, angle % (2 * math.pi)], dtype=np.float32)
        if self._obs_mode == "keypoints":
            return state, keypoints(x, y, angle).astype(np.float32)
        return state, self.frame(IMAGE_PX, with_action=False)

    def frame(self, size_px: int, with_action: bool = True) -> NDArray[np.uint8]:
        """An image of the scene, `(size, size, 3)` RGB."""
        return draw(self.started().state(), size_px, self.last_action if with_action else None)

    def started(self) -> Physics:
        """The physics.

        Raises:
            ConfigError: before the first reset.
        """
        if self.physics is None:
            raise ConfigError("Push-T has no state yet: call reset() first.")
        return self.physics

    def _new_physics(self) -> Physics:
        self.physics = Physics(self._space_damping, self._block_cog)
        self.side = -1
        return self.physics

    def _settle(self) -> None:
        physics = self.started()
        self.coverage = coverage(*physics.state()[2:])
        self.n_contacts = -(-physics.n_contact_points // SUBSTEPS)


def uniform_start(rng: np.random.Generator) -> State:
    """Agent in [50, 450)^2, block in [100, 400)^2 px (whole numbers), angle uniform in [-pi, pi)."""
    agent_x, agent_y = (float(value) for value in rng.integers(50, 450, size=2))
    block_x, block_y = (float(value) for value in rng.integers(100, 400, size=2))
    return agent_x, agent_y, block_x, block_y, float(rng.uniform(-math.pi, math.pi))


def legacy_start(seed: int) -> State:
    """The published draw: numpy's legacy generator, and a Gaussian angle with standard deviation 2 pi.

    Source: real-stanford/diffusion_policy (5ba07ac), `reset` in `diffusion_policy/env/pusht/pusht_env.py`.
    """
    rng = np.random.RandomState(seed)
    agent_x, agent_y = float(rng.randint(50, 450)), float(rng.randint(50, 450))
    block_x, block_y = float(rng.randint(100, 400)), float(rng.randint(100, 400))
    return agent_x, agent_y, block_x, block_y, float(rng.randn() * 2 * np.pi - np.pi)


def observation_space(obs_mode: ObsMode) -> gym.spaces.Dict:
    """The Dict space of an observation mode."""
    poses = BLOCK_POSE if obs_mode == "state" else KEYPOINTS_SPEC
    second = {"pixels.top": PIXELS} if obs_mode == "image" else {"environment_state": poses}
    return spaces.observation_space({"agent_pos": AGENT_POS, **second})


def as_observation(obs_mode: ObsMode, agent_pos: NDArray[np.float32], second: NDArray[Any]) -> dict[str, Any]:
    """Both arrays under the standard keys."""
    if obs_mode == "image":
        return {"agent_pos": agent_pos, "pixels": {"top": second}}
    return {"agent_pos": agent_pos, "environment_state": second}


def check_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options of `World.reset`, with the state as an array.

    Raises:
        ConfigError: as `World.reset`.
    """
    checked = dict(options or {})
    if unknown := sorted(set(checked) - OPTIONS):
        raise ConfigError(f"unknown reset option {', '.join(unknown)}; known are {', '.join(sorted(OPTIONS))}.")
    legacy = _choice(checked, "set_order", ("exact", "legacy")) == "legacy"
    _choice(checked, "draw", ("uniform", "legacy"))
    if checked.get("state") is not None:
        state = checked["state"]
        checked["state"] = check_state(state, FIELDS[:N_POSES]) if legacy else check_state(state, FIELDS, N_POSES)
    return checked


def _choice(options: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = options.get(name, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        raise ConfigError(f"reset option {name} = {value!r}: expected {' or '.join(allowed)}.")
    return str(value)
