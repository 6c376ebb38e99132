"""robosuite's tasks as Gymnasium environments."""

from __future__ import annotations

import copy
from typing import Any, Literal, Self, SupportsFloat

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError, check_choice
from dpbench.spaces import action_space, check_render_size, observation_space

from .goals import Reach, goal  # isort: skip  # first: it says what to install
from .controller import N_JOINTS, Stepper
from .modes import Tracker
from .reference import PHYSICS, Start, reference
from .rendering import Cameras
from .state import check_simulator_state, check_state_of
from .task import RATE_HZ, SCENES, action, agent_pos, environment_state, pixels

ObsMode = Literal["state", "image"]
ActionMode = Literal["delta", "absolute"]
SUBSTEPS = 25


class RobosuiteEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Lift, Can, Square, ToolHang and Transport of robosuite 1.5: Panda arms, operational-space control, 20 Hz.

    ## Action space
    One arm: 7 or 10 numbers; two arms: those of the first arm, then those of the second.

    `action_mode="delta"`: displacement (3) in m and rotation (3, axis times angle in rad) of the point between the
    fingers, in the world frame, relative to its current pose; `Box(+-0.05 m, +-0.5 rad)`. robosuite and robomimic
    scale the same numbers to [-1, 1].
    `"absolute"`: its goal in the world frame, position (3) in m and the first two rows of its rotation matrix (6; the
    orientation is kept if a row is zero or both are parallel).
    The last number of either is the gripper: negative opens, positive closes.

    ## Observation space
    | key | obs_mode | shape | meaning | unit |
    |---|---|---|---|---|
    | `environment_state` | `state` | 10, 14, 14, 44 or 41 | robosuite's `object-state`; the TaskSpec names each value \
| m, quaternions x, y, z, w |
    | `agent_pos` | all | 9 per arm | end-effector position (3), orientation (4), finger joints (2) | m, quaternion, m |
    | `pixels` / camera | `image` | (84, 84, 3) uint8, ToolHang (240, 240, 3) | upright images | RGB |

    Observations are those of the state after the step; robosuite's own are up to a control step old.

    ## Reward
    1 in a step after which the task is solved, else 0.

    ## Start
    `reset(seed=s)` gives the start of robosuite's own reset with a hard reload and the generator
    `numpy.random.default_rng(s)`. `options={"state": ...}` starts from a state of `get_state`.

    ## End
    `terminated` when the task is solved, or when the simulation explodes (a failure); `truncated` after the registered
    time limit.

    ## Info
    `is_success`; `progress`: 0, 0.5 once an object is 2 cm higher than at the start, 1 when the task is solved;
    `mode`: index into the task's modes, -1 before one is shown.

    Args:
        scene: `"Lift"`, `"Can"`, `"Square"`, `"ToolHang"` or `"Transport"`.
        obs_mode: `"state"` or `"image"`.
        action_mode: `"delta"` or `"absolute"`.
        render_mode: `"rgb_array"` or None.
        render_size: side length of rendered frames, px.
        exact_pictures: images equal to robosuite's, bit for bit, instead of the fast ones.
        near_goals: an absolute goal may be no farther from the hand than a displacement leads (version 1 of Lift).

    Raises:
        ConfigError: for an unknown mode or scene.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": int(RATE_HZ)}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        scene: str = "Lift",
        obs_mode: ObsMode = "state",
        action_mode: ActionMode = "delta",
        render_mode: str | None = None,
        render_size: int = 256,
        exact_pictures: bool = False,
        near_goals: bool = False,
    ) -> None:
        check_choice("scene", scene, tuple(SCENES))
        check_choice("obs_mode", obs_mode, ("state", "image"))
        check_choice("action_mode", action_mode, ("delta", "absolute"))
        check_choice("render_mode", render_mode, (None, "rgb_array"))
        check_render_size(render_size)
        self.render_mode = render_mode
        self._name, self.scene = scene, SCENES[scene]
        self._obs_mode, self._render_size = obs_mode, render_size
        absolute: Reach = "near goal" if near_goals else "any goal"
        self._reach: Reach = absolute if action_mode == "absolute" else "displacement"
        self._exact_pictures = exact_pictures
        self._open()
        self._begun = False
        self._tracker = Tracker(scene)
        self._action = action(self.scene, action_mode)
        self._low, self._high = np.array(self._action.low), np.array(self._action.high)
        self.action_space = action_space(self._action)
        seen = (
            {"environment_state": environment_state(self.scene)}
            if obs_mode == "state"
            else {f"pixels.{camera}": pixels(self.scene) for camera in self.scene.cameras}
        )
        self.observation_space: gym.spaces.Dict = observation_space({**seen, "agent_pos": agent_pos(self.scene)})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; see the class for `options`."""
        if unknown := sorted(set(options or {}) - {"state"}):
            raise ConfigError(f"reset options {', '.join(unknown)} are unknown; known is state.")
        if options and "state" in options:
            self.set_state(options["state"])
            super().reset(seed=seed)
            hands, objects, solved = self._look()
            return self._observe(hands, objects), self._info(solved)
        super().reset(seed=seed)
        self._begin(self._reference.draw(self.np_random))
        return self._first()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One control step.

        Raises:
            ActionError: for another length, or NaN or infinite values.
            ResetNeeded: before the first `reset` or `set_state`.
        """
        if not self._begun:
            raise gym.error.ResetNeeded("the scene has no start yet: call reset() before step().")
        goals, before = self._goals(self._action.check(action)), self._data.time
        self._stepper.step(*goals, SUBSTEPS)
        hands, objects, solved = self._look()
        if self._data.time < before:  # MuJoCo has reset a simulation that had exploded
            return self._observe(hands, objects), 0.0, True, False, self._info(False)
        self._tracker.see(hands, objects, solved)
        return self._observe(hands, objects), float(solved), solved, False, self._info(solved)

    def get_state(self) -> NDArray[np.float64]:
        """The physics state, and that of the controller, the cube's size and the mode tracker, in one vector."""
        mujoco.mj_getState(self._model, self._data, self._physics, PHYSICS)
        return np.concatenate([*(part.ravel() for part in self._parts()), self._tracker.numbers()])

    def set_state(self, state: NDArray[np.float64]) -> None:
        """Set a state of `get_state`.

        Raises:
            ConfigError: unless all numbers are within their bounds and fit together.
        """
        self._restore(check_state_of(state, self._model, self.scene, self._reference.size.size))

    def _parts(self) -> tuple[NDArray[np.float64], ...]:
        stepper = self._stepper
        return self._physics, stepper.gripper, stepper.initial_joints, stepper.first_mass, self._size

    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum([part.size for part in self._parts()])

    def _restore(self, values: NDArray[np.float64]) -> None:
        """Set a state of `get_state`, unchecked."""
        stepper = self._stepper
        physics, gripper, joints, mass, size, numbers = np.split(values, self._ends())
        self._begin(Start(physics, joints.reshape(-1, N_JOINTS), mass.reshape(-1, N_JOINTS, N_JOINTS), size))
        stepper.gripper[:] = gripper.reshape(-1, 2)
        self._tracker = Tracker.from_numbers(self._name, numbers.tolist())

    def set_simulator_state(self, state: NDArray[np.float64]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Set a state as robomimic's files store it: time, joint positions, joint velocities, `(1 + nq + nv,)`.

        Such a state lacks the gripper commands, the solver's warm start, the cube's size and the reference angles of
        the null-space controller. Commands become 0. The reference angles are the state's joint angles at
        time 0, and later those of a default start.

        Returns:
            The observation and info, as `reset` gives them.

        Raises:
            ConfigError: unless all numbers are within their bounds.
        """
        model, data = self._model, self._data
        values = check_simulator_state(state, model)
        start = self._reference.draw(np.random.default_rng(0))
        self._begin(start)
        data.time, data.qpos[:], data.qvel[:] = values[0], values[1 : 1 + model.nq], values[1 + model.nq :]
        mujoco.mj_forward(model, data)
        self._stepper.first_mass[:] = 0.0
        if data.time == 0.0:
            for arm, joints in zip(self._reference.arms, self._stepper.initial_joints, strict=True):
                joints[:] = data.qpos[arm.qpos : arm.qpos + N_JOINTS]
        return self._first()

    def simulator_state(self) -> NDArray[np.float64]:
        """The state as robomimic's files store it, see `set_simulator_state`."""
        return np.concatenate([[self._data.time], self._data.qpos, self._data.qvel])

    def render(self) -> NDArray[np.uint8] | None:
        """A frame of the first camera, `(render_size, render_size, 3)` RGB, as robosuite draws it."""
        if self.render_mode != "rgb_array":
            return None
        return self._picture(self.scene.cameras[0], self._render_size, exact=True)

    def close(self) -> None:
        """Close the cameras."""
        while self._cameras:
            self._cameras.popitem()[1].close()

    def __copy__(self) -> Self:
        """A full copy: two environments never share a simulation."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the state in place of the simulation, which is made anew."""
        own = ("_reference", "_model", "_data", "_stepper", "_physics", "_size", "_cameras")
        kept = {name: value for name, value in self.__dict__.items() if name not in own}
        return {**kept, "state": self.get_state() if self._begun else None}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """The inverse of `__getstate__`."""
        kept = dict(kept)
        state = kept.pop("state")
        self.__dict__.update(kept)
        self._open()
        if state is not None:
            self._restore(state)

    def _open(self) -> None:
        """Make the simulation."""
        self._reference = reference(self._name)
        self._model = self._reference.model()
        self._data = mujoco.MjData(self._model)
        self._stepper = Stepper(self._model, self._data, self._reference.arms)
        self._physics = np.empty(mujoco.mj_stateSize(self._model, PHYSICS))
        self._size = self._reference.size
        self._cameras: dict[bool, Cameras] = {}

    def _begin(self, start: Start) -> None:
        self._begun = True
        if start.size.size and not np.array_equal(start.size, self._size):
            self._reference.resize(self._model, start.size)
        self._size = start.size.copy()
        mujoco.mj_resetData(self._model, self._data)
        mujoco.mj_setState(self._model, self._data, start.physics, PHYSICS)
        mujoco.mj_forward(self._model, self._data)
        mujoco.mj_setState(self._model, self._data, start.physics, PHYSICS)  # the warm start was overwritten
        self._stepper.gripper[:] = 0.0
        self._stepper.initial_joints[:] = start.initial_joints
        self._stepper.first_mass[:] = start.first_mass

    def _first(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Observation and info of an episode that starts in the current state."""
        hands, objects, solved = self._look()
        self._tracker = Tracker.starting(self._name, objects)
        return self._observe(hands, objects), self._info(solved)

    def _goals(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Goal positions `(A, 3)` m, orientations `(A, 3, 3)` and gripper commands `(A,)` of an action."""
        commands = np.clip(values, self._low, self._high).reshape(self.scene.n_arms, -1)
        site_xpos, site_xmat = self._data.site_xpos, self._data.site_xmat
        pairs = [
            goal(command, self._reach, site_xpos[arm.site], site_xmat[arm.site].reshape(3, 3))
            for arm, command in zip(self._reference.arms, commands, strict=True)
        ]
        places, turns = (np.stack(parts) for parts in zip(*pairs, strict=True))
        return places, turns, commands[:, -1].copy()

    def _look(self) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
        """`agent_pos`, `environment_state`, and whether the task is solved."""
        hands = self._reference.look_at_hands(self._data)
        objects, solved = self._reference.look(self._data, hands)
        return hands, objects, solved

    def _observe(self, hands: NDArray[np.float64], objects: NDArray[np.float64]) -> dict[str, Any]:
        agent = hands.astype(np.float32)
        if self._obs_mode == "state":
            return {"environment_state": objects.astype(np.float32), "agent_pos": agent}
        size_px, exact = self.scene.image_px, self._exact_pictures
        pictures = {camera: self._picture(camera, size_px, exact) for camera in self.scene.cameras}
        return {"pixels": pictures, "agent_pos": agent}

    def _picture(self, camera: str, size_px: int, exact: bool) -> NDArray[np.uint8]:
        if exact not in self._cameras:
            self._cameras[exact] = Cameras(self._model, exact)
        mujoco.mj_camlight(self._model, self._data)  # the camera on the hand moves with it
        return self._cameras[exact].picture(self._data, camera, size_px, size_px)

    def _info(self, solved: bool) -> dict[str, Any]:
        return {"is_success": solved, "progress": self._tracker.progress, "mode": self._tracker.mode}
