"""A robot arm, or its digital twin, as a Gymnasium environment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.control.dry_run import DryRun
from dpbench.arms.control.loop import ServoLoop
from dpbench.arms.control.servo import Servo
from dpbench.arms.driver import Waypoint
from dpbench.arms.sensor_buffer import SensorBuffer
from dpbench.errors import ConfigError, CopyError, check_choice
from dpbench.rotations import matrix_from_quat, sixd_from_matrix
from dpbench.spaces import action_space, check_render_size, nested, observation_space

from .actions import action as action_between
from .actions import waypoints
from .drivers.sim import SimServo
from .options import TWIN_JOINTS, arm_model, make_device, tool_limits, twin_model
from .options import joint_limits as joint_limits_of
from .options import projection as projection_of
from .task import (
    ACTION,
    AGENT_POS,
    CAMERA,
    ENVIRONMENT_STATE,
    PIXELS,
    RATE_HZ,
    VELOCITY_ACTION,
)
from .worlds import RealTable, Source, TwinWorld, World

ObsMode = Literal["state", "image"]
ActionKind = Literal["position", "velocity"]


class RealArmEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Reach and push with any arm that has a driver; by default on the digital twin in MuJoCo.

    ## Action space
    Goal of the tool one control period (0.1 s) later, in the arm's base frame. `"position"`: position (3) in m, first
    two rows of the rotation matrix (6; numbers that are not a rotation keep the orientation), opening of the gripper in
    m. `"velocity"`: velocity (3) in m/s, angular velocity (3) in rad/s, opening of the gripper in m. Velocities are
    integrated from the last goal, at the start from where the tool is. Every command passes the limits in
    `dpbench.arms.control.safety`.

    ## Observation space
    | key | obs_mode | shape | meaning | unit |
    |---|---|---|---|---|
    | `agent_pos` | all | (10,) | tool position, first two rows of its rotation matrix, gripper opening | m, -, m |
    | `environment_state` | `state` | (5,) | block x, y, yaw; target x, y; twin only | m, rad |
    | `pixels` / `top` | `image` | (96, 96, 3) uint8 | the camera's newest picture | RGB |

    ## Reward
    1 in a step after which the task is solved, else 0.

    ## Start
    On the twin, block and target are drawn at random and the arm moves home. A physical arm stays where it is, and a
    person arranges the scene.

    ## End
    `terminated` when the task is solved (on a physical arm: when `mark_success` is called) or the arm has a fault;
    `truncated` after 300 steps (30 s).

    ## Info
    `is_success`; `progress`: the largest fraction so far of the block's initial distance to the target that has been
    covered (0 or 1 on a physical arm); `fault`: why the arm has stopped, only after a fault.

    Args:
        obs_mode: `"state"` or `"image"`.
        action_kind: `"position"` or `"velocity"`.
        driver: name in the registry of arm drivers, such as `"sim"` or `"ur-rtde"`.
        driver_options: arguments of the driver.
        camera: name in the registry of cameras; needed for a physical arm.
        camera_options: arguments of the camera.
        camera_projection: `(3, 4)` matrix from positions in the arm's base frame to pixels, for the live view of a
            physical arm.
        limits: fields of `dpbench.arms.control.safety.Limits` that differ from those of the twin. The gripper's opening
            is the driver's by default.
        joint_limits: fields of `dpbench.arms.control.joints.JointLimits`; the twin in real time has its own.
        kinematics: `path` of an MJCF or URDF file of the arm, name of the `tool` link in it, and `offset_m` from that
            link to the tool.
        watchdog_s: the arm brakes if it receives no command for this long.
        stale_s: a measured state older than this is a fault.
        real_time: run the twin in a process and on a clock of its own. Otherwise it runs as fast as possible, and
            episodes repeat bit for bit.
        dry_run: called with every command, and nothing is sent; None sends commands.
        render_mode: `"rgb_array"` or None.
        render_size: side of rendered frames, px.

    Raises:
        ConfigError: for an unknown mode, or `obs_mode="state"` on a physical arm.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": int(RATE_HZ)}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        obs_mode: ObsMode = "state",
        action_kind: ActionKind = "position",
        driver: str = "sim",
        driver_options: Mapping[str, Any] | None = None,
        camera: str | None = None,
        camera_options: Mapping[str, Any] | None = None,
        camera_projection: Sequence[Sequence[float]] | None = None,
        limits: Mapping[str, Any] | None = None,
        joint_limits: Mapping[str, Any] | None = None,
        kinematics: Mapping[str, Any] | None = None,
        watchdog_s: float = 1.0,
        stale_s: float = 0.2,
        real_time: bool = False,
        dry_run: Callable[[Waypoint], object] | None = None,
        render_mode: str | None = None,
        render_size: int = 384,
    ) -> None:
        check_choice("obs_mode", obs_mode, ("state", "image"))
        check_choice("action_kind", action_kind, ("position", "velocity"))
        check_choice("render_mode", render_mode, (None, "rgb_array"))
        check_render_size(render_size)
        options = {**({"real_time": real_time} if driver == "sim" else {}), **(driver_options or {})}
        servo: Servo = make_device("arm_driver", driver, options)
        if not isinstance(servo, SimServo):
            if obs_mode == "state":
                raise ConfigError(f"driver {driver!r} does not measure poses of objects: choose an image task.")
            if camera is None:
                raise ConfigError(f"driver {driver!r} has no camera of its own: choose one, such as --camera opencv.")
        self.render_mode, self._render_size = render_mode, render_size
        self._world: World
        if isinstance(servo, SimServo):
            if camera is not None or camera_options or camera_projection is not None:
                raise ConfigError(f"driver {driver!r} renders its own pictures: leave the camera's settings out.")
            self._real_time, self._clock = real_time, servo.clock
            self._world = TwinWorld(servo, obs_mode == "state", real_time)
        else:
            self._real_time, self._clock = True, time.monotonic
            self._world = RealTable(
                make_device("camera", camera or "", camera_options or {}), projection_of(camera_projection)
            )
        self.limits = tool_limits({"gripper_m": servo.spec.gripper_m, **(limits or {})})
        joints, model = joint_limits_of(joint_limits), arm_model(kinematics)
        if isinstance(servo, SimServo) and real_time:
            joints, model = joints or TWIN_JOINTS, model or twin_model()
        sent_to = servo if dry_run is None else DryRun(servo, dry_run)
        self.loop = ServoLoop(sent_to, self.limits, watchdog_s, stale_s, self._clock, joints, model)
        self.camera = self._world.camera
        self._sources: dict[str, Source] = {"agent_pos": self._agent_pos, **self._world.sources()}
        self.sensors = SensorBuffer(self._sources, 1.0 / RATE_HZ, clock=self._clock)
        self._connected, self._due_s = False, 0.0
        self._goal: Waypoint | None = None
        self._action = ACTION if action_kind == "position" else VELOCITY_ACTION
        self.action_space = action_space(self._action)
        second = {"environment_state": ENVIRONMENT_STATE} if obs_mode == "state" else {f"pixels.{CAMERA}": PIXELS}
        self.observation_space: gym.spaces.Dict = observation_space({"agent_pos": AGENT_POS, **second})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; the first call connects."""
        if options:
            raise ConfigError(f"unknown reset options {', '.join(sorted(options))}: this task has none.")
        super().reset(seed=seed)
        if not self._connected:
            self.loop.connect() if self._real_time else self.loop.begin()
            self.camera.connect()
            self._connected = True
        if self._real_time:
            self.loop.moved_by(lambda: self._world.start(self.np_random))
            self.sensors.start()
            self.sensors.wait()
        else:
            self._world.start(self.np_random)
            self.loop.reset_fault()
        self._due_s = self._clock()
        here = self.loop.read()
        self._goal = Waypoint(self._due_s, here.position, here.quaternion, here.gripper_m)
        return self._observation(), self._world.outcome()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One control period.

        Raises:
            ActionError: for a wrong shape, NaN or infinity.
            ArmFaultError: if the arm has stopped before.
            ResetNeeded: before the first `reset`.
        """
        if self._goal is None:
            raise gym.error.ResetNeeded("the arm has no goal yet: call reset() before step().")
        values = self._action.check(action)
        due_s = max(self._due_s, self._clock()) + 1.0 / RATE_HZ
        goals = waypoints(self._action, values[None], (due_s,), self._goal)
        # The goal is kept as accepted, inside the workspace, so that velocities do not integrate beyond it.
        self._due_s, self._goal = due_s, (self._goal, *self.loop.schedule(goals))[-1]
        if self._real_time:
            time.sleep(max(0.0, self._due_s - self._clock()))
        else:
            # The twin's time stops together with the loop.
            while self.loop.fault is None and self._clock() < self._due_s - 1e-9:
                self.loop.tick()
        info = self._world.outcome()
        if self.loop.fault is not None:
            info["fault"] = self.loop.fault
        return self._observation(), float(info["is_success"]), info["is_success"] or "fault" in info, False, info

    def waypoints(self, actions: NDArray[np.floating[Any]], times_s: Sequence[float], base: Waypoint) -> list[Waypoint]:
        """Actions as waypoints, see `dpbench.arms.station.Station`."""
        return waypoints(self._action, actions, times_s, base)

    def action(self, before: Waypoint, goal: Waypoint) -> NDArray[np.float32]:
        """The action between two goals, see `dpbench.arms.station.Station`."""
        return action_between(self._action, before, goal)

    def outcome(self) -> dict[str, Any]:
        """`is_success` and `progress`, now."""
        return self._world.outcome()

    def mark_success(self) -> None:
        """The operator says that the task is solved."""
        self._world.mark_success()

    def picture(self) -> NDArray[np.uint8]:
        """The live view, `(H, W, 3)` RGB: on the twin `(render_size, render_size, 3)`, else the camera's picture."""
        return self._world.picture(self._render_size)

    def pixels(self, places_m: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Pixels of tool positions in `picture`, see `dpbench.arms.station.Station`."""
        return self._world.pixels(places_m, self._render_size)

    def render(self) -> NDArray[np.uint8] | None:
        """`picture`."""
        return self.picture() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Stop the arm and close the connections to it and to the camera."""
        self._connected, self._goal = False, None
        with contextlib.ExitStack() as stack:  # the arm first; each is closed even if another fails
            stack.callback(self.camera.close)
            stack.callback(self.sensors.close)
            stack.callback(self.loop.close)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Neither copied nor pickled: there is one arm, and its loop owns threads and connections.

        Raises:
            CopyError: always.
        """
        raise CopyError(
            "an arm or its twin cannot be copied or pickled: make a second environment with gym.make; without "
            "real_time the same reset(seed=...) and actions give the same episode there."
        )

    def _agent_pos(self) -> tuple[float, NDArray[np.float32]]:
        state = self.loop.read()
        turn = sixd_from_matrix(matrix_from_quat(state.quaternion))
        return state.time_s, np.array([*state.position, *turn, state.gripper_m], dtype=np.float32)

    def _observation(self) -> dict[str, Any]:
        if self._real_time:
            values = {key: value[0] for key, value in self.sensors.observe(1)[1].items()}
        else:
            values = {key: read()[1] for key, read in self._sources.items()}
        return nested(values)
