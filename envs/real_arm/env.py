"""A physical arm, or its twin, as a Gymnasium environment."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Literal, SupportsFloat

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.driver import Camera, Waypoint
from dpbench.arms.loop import Servo, ServoLoop
from dpbench.arms.safety import Limits
from dpbench.errors import ConfigError, check_choice
from dpbench.registry import registry
from dpbench.rotations import matrix_from_sixd, quat_from_matrix
from dpbench.spaces import action_space, observation_space

from .cameras.sim import SimCamera, draw
from .drivers.sim import SimServo
from .scene import WORKSPACE_HIGH_M, WORKSPACE_LOW_M
from .task import ACTION, AGENT_POS, CAMERA, ENVIRONMENT_STATE, IMAGE_PX, PIXELS, RATE_HZ

ObsMode = Literal["state", "image"]
LIMITS = Limits(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, gripper_m=0.0)
SEEDS = 2**31


class RealArmEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """Reach and push with any arm that has a driver; without a driver's name on its twin in MuJoCo.

    ## Action space
    Goal of the tool one control period (0.1 s) later, in the arm's base frame: place (3) in m, first two rows of its
    rotation matrix (6; rows that are no rotation keep the orientation), width of the gripper in m. Every command
    passes the limits of `dpbench.arms.safety`.

    ## Observation space
    | key | obs_mode | shape | meaning | unit |
    |---|---|---|---|---|
    | `agent_pos` | all | (8,) | tool's place, orientation (x, y, z, w), gripper width | m, quaternion, m |
    | `environment_state` | `state` | (5,) | block x, y, yaw; target x, y; on the twin only | m, rad |
    | `pixels` / `top` | `image` | (96, 96, 3) uint8 | the camera's newest picture | RGB |

    ## Reward
    1 in a step after which the task is solved, else 0.

    ## Start
    The twin draws block and target, and puts the arm home. A physical arm stays where it is: a person sets the scene.

    ## End
    `terminated` when the task is solved: on the twin by its rule, on a physical arm when `mark_success` was called;
    `truncated` after 600 steps (60 s).

    ## Info
    `is_success`; `progress`: share of the block's way to the target, at its best so far (0 or 1 on a physical arm).

    Args:
        obs_mode: `"state"` or `"image"`.
        driver: name in the registry of arm drivers, such as `"sim"` or `"ur-rtde"`.
        driver_options: arguments of the driver.
        camera: name in the registry of cameras, for a physical arm.
        camera_options: arguments of the camera.
        limits: what the tool may do.
        real_time: the twin's own clock and process; without, it moves as fast as it can and repeats bit for bit.
        render_mode: `"rgb_array"` or None.
        render_size: side of rendered frames, px.

    Raises:
        ConfigError: for an unknown mode, or poses of objects asked of a physical arm.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": int(RATE_HZ)}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        obs_mode: ObsMode = "state",
        driver: str = "sim",
        driver_options: Mapping[str, Any] | None = None,
        camera: str | None = None,
        camera_options: Mapping[str, Any] | None = None,
        limits: Limits = LIMITS,
        real_time: bool = False,
        render_mode: str | None = None,
        render_size: int = 384,
    ) -> None:
        check_choice("obs_mode", obs_mode, ("state", "image"))
        check_choice("render_mode", render_mode, (None, "rgb_array"))
        if driver != "sim" and (obs_mode == "state" or camera is None):
            raise ConfigError(f"driver {driver!r} knows no poses of objects: choose obs_mode='image' and a camera.")
        options = {**({"real_time": real_time} if driver == "sim" else {}), **(driver_options or {})}
        servo: Servo = registry("arm_driver").load(driver)(**options)
        self.render_mode, self._render_size, self._obs_mode = render_mode, render_size, obs_mode
        self._twin = servo if isinstance(servo, SimServo) else None
        self._real_time = self._twin is None or real_time
        clock = time.monotonic if self._twin is None else self._twin.clock
        self.loop = ServoLoop(servo, limits, clock=clock)
        self._clock, self._limits = clock, limits
        self._camera: Camera
        if self._twin is not None:
            self._camera = SimCamera(self._twin, IMAGE_PX, IMAGE_PX)
        else:
            self._camera = registry("camera").load(camera or "")(**(camera_options or {}))
        self._connected = self._marked = False
        self._due_s = self._begun_m = self._progress = 0.0
        self.action_space = action_space(ACTION)
        second = {"environment_state": ENVIRONMENT_STATE} if obs_mode == "state" else {f"pixels.{CAMERA}": PIXELS}
        self.observation_space: gym.spaces.Dict = observation_space({"agent_pos": AGENT_POS, **second})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; connects at the first call."""
        super().reset(seed=seed)
        if options:
            raise ConfigError(f"reset options {', '.join(sorted(options))} are unknown; there are none.")
        if not self._connected:
            self.loop.connect() if self._real_time else self.loop.begin()
            self._camera.connect()
            self._connected = True
        if self._twin is not None:
            scene = self._twin.reset(int(self.np_random.integers(SEEDS)))
            self.loop.reset_fault()
            self._begun_m = math.dist(scene.block[:2], scene.target)
        else:
            self.loop.stop()
        self._marked, self._progress, self._due_s = False, 0.0, self._clock()
        return self._observation(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """One control period.

        Raises:
            ActionError: unless `action` is ten finite numbers.
            ArmFaultError: when the arm has stopped.
        """
        goal = ACTION.check(action)
        self._due_s = max(self._due_s, self._clock()) + 1.0 / RATE_HZ
        try:
            quaternion = quat_from_matrix(matrix_from_sixd(goal[3:9]))
        except ValueError:
            quaternion = self.loop.read().quaternion
        self.loop.schedule([Waypoint(self._due_s, goal[:3], quaternion, float(goal[9]))])
        if self._real_time:
            time.sleep(max(0.0, self._due_s - self._clock()))
        else:
            # The twin's time stands still once the loop has stopped.
            while self.loop.fault is None and self._clock() < self._due_s - 1e-9:
                self.loop.tick()
        info = self._info()
        return self._observation(), float(info["is_success"]), info["is_success"], False, info

    def mark_success(self) -> None:
        """A person says that the task is solved."""
        self._marked = True

    def render(self) -> NDArray[np.uint8] | None:
        """A frame of the camera, on the twin `(render_size, render_size, 3)` RGB."""
        if self.render_mode != "rgb_array":
            return None
        if self._twin is not None:
            return draw(self._twin.scene(), self._render_size, self._render_size)
        return self._camera.read().picture

    def close(self) -> None:
        """Stop the arm and let go of it and of the camera."""
        if self._connected:
            self._camera.close()
            self.loop.close()
            self._connected = False

    def _observation(self) -> dict[str, Any]:
        state = self.loop.read()
        agent = np.concatenate([state.position, state.quaternion, [state.gripper_m]]).astype(np.float32)
        if self._obs_mode == "image" or self._twin is None:
            return {"agent_pos": agent, "pixels": {CAMERA: self._camera.read().picture}}
        scene = self._twin.scene()
        poses = np.array([*scene.block, *scene.target], dtype=np.float32)
        return {"agent_pos": agent, "environment_state": poses}

    def _info(self) -> dict[str, Any]:
        if self._twin is None:
            return {"is_success": self._marked, "progress": float(self._marked)}
        scene = self._twin.scene()
        way = 1.0 - math.dist(scene.block[:2], scene.target) / max(self._begun_m, 1e-9)
        self._progress = 1.0 if scene.is_success else max(self._progress, min(way, 1.0))
        return {"is_success": scene.is_success, "progress": self._progress}
