"""robosuite's own environment, one per process and scene: it builds the model, draws starts and reads objects.

All environments of a process share it, and each has its own model and data. Its results depend on the arguments only,
not on what the process did before.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from .controller import N_JOINTS, ArmIndices
from .objects import reader
from .simulator import robosuite
from .task import SCENES, Scene

PHYSICS = mujoco.mjtState.mjSTATE_INTEGRATION
"""All that the next physics step depends on, including the solver's warm start."""
CUBE_SIZE_M = (0.020, 0.022)
"""Lift's cube: range of its half sides (ARISE-Initiative/robosuite 1.5.2, `environments/manipulation/lift.py`)."""


@dataclass(frozen=True)
class Start:
    """Start state of an episode.

    Attributes:
        physics: MuJoCo's state, `PHYSICS`.
        initial_joints: `(A, 7)` rad, see `controller.Stepper`.
        first_mass: `(A, 7, 7)`, see `controller.Stepper`.
        size: half sides of the object whose size is drawn, `(3,)` m, or `(0,)`.
    """

    physics: NDArray[np.float64]
    initial_joints: NDArray[np.float64]
    first_mass: NDArray[np.float64]
    size: NDArray[np.float64]


class Reference:
    """One scene; get it from `reference`."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._env: Any = make_robosuite(scene, hard_reset=False)
        self._env.reset()
        self._own = (self._env.sim.model._model, self._env.sim.data._data)
        self.arms = tuple(_indices(robot) for robot in self._env.robots)
        self.hands = tuple(int(self._own[0].body(robot.robot_model.eef_name["right"]).id) for robot in self._env.robots)
        self.size = np.array(self._env.cube.size) if scene.environment == "Lift" else np.zeros(0)
        self._sensors = _object_sensors(self._env)
        self.look = reader(self, self._env, self._own[0])

    def look_at_hands(self, data: mujoco.MjData) -> NDArray[np.float64]:
        """`agent_pos`: position, orientation and finger joints of each arm, `(9 A,)`."""
        parts = (
            (data.site_xpos[arm.site], data.xquat[body][[1, 2, 3, 0]], data.qpos[first : first + 2])
            for arm, body in zip(self.arms, self.hands, strict=True)
            for first in [arm.qpos + N_JOINTS]
        )
        return np.concatenate([number for part in parts for number in part])

    def model(self) -> mujoco.MjModel:
        """A copy of the model, with a cube of the initial `size`."""
        model = copy.copy(self._own[0])
        if self.size.size:
            self.resize(model, self.size)
        return model

    def draw(self, rng: np.random.Generator) -> Start:
        """Draw a start like robosuite's reset with a hard reload, from `rng`, which is advanced."""
        env, (model, data) = self._env, self._own
        generator = env.rng.bit_generator  # the samplers hold a reference to it, so it is set in place
        generator.state = rng.bit_generator.state
        size = self.size
        if size.size:
            size = np.array([env.rng.uniform(*CUBE_SIZE_M) for _ in range(3)])
            self.resize(model, size)
            env.cube.size = size.tolist()
        env.reset()
        rng.bit_generator.state = generator.state
        physics = np.empty(mujoco.mj_stateSize(model, PHYSICS))
        mujoco.mj_getState(model, data, physics, PHYSICS)
        controllers = [robot.part_controllers["right"] for robot in env.robots]
        return Start(
            physics,
            np.stack([controller.initial_joint for controller in controllers]),
            np.stack([controller.mass_matrix for controller in controllers]),
            size,
        )

    def resize(self, model: mujoco.MjModel, size: NDArray[np.float64]) -> None:
        """Set the half sides of a model's cube, and all that the compiler derives from them."""
        body = model.body("cube_main")
        for geom in range(int(body.geomadr[0]), int(body.geomadr[0] + body.geomnum[0])):
            model.geom_size[geom] = size
            model.geom_rbound[geom] = np.linalg.norm(size)
            model.geom_aabb[geom, 3:] = size
        density = float(self._env.cube.density)
        mass = 8 * density * float(np.prod(size))
        x, y, z = np.square(size)
        model.body_mass[body.id] = mass
        model.body_inertia[body.id] = mass * (y + z) / 3, mass * (x + z) / 3, mass * (x + y) / 3
        first = int(model.body_bvhadr[body.id])
        model.bvh_aabb[first : first + int(model.body_bvhnum[body.id]), 3:] = size
        mujoco.mj_setConst(model, mujoco.MjData(model))

    def xml(self, size: NDArray[np.float64]) -> str:
        """The model as robosuite writes it (MJCF), with these half sides of the cube."""
        root = copy.deepcopy(self._env.model.root)
        if size.size:
            for name in ("cube_g0", "cube_g0_vis"):
                geom = root.find(f".//geom[@name='{name}']")
                geom.set("size", " ".join(map(repr, size.tolist())))
        return str(ElementTree.tostring(root, encoding="unicode"))

    def read(self, data: mujoco.MjData, hands: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:  # noqa: ARG002
        """Robosuite's `object-state`, with up-to-date relative poses (its own are a step old), and its success rule."""
        mujoco.mj_copyData(self._own[1], self._own[0], data)
        seen: dict[str, Any] = {}
        for name in self._sensors.in_order_of_need:
            seen[name] = np.array(self._sensors.functions[name](seen), dtype=np.float64)
        objects = np.concatenate([np.atleast_1d(seen[name]) for name in self._sensors.published])
        return objects, bool(self._env._check_success())


@dataclass(frozen=True)
class _Sensors:
    """robosuite's observable functions, ordered so that each finds its inputs."""

    functions: dict[str, Any]
    in_order_of_need: tuple[str, ...]
    published: tuple[str, ...]


def _object_sensors(env: Any) -> _Sensors:
    known = {name: observable for name, observable in env._observables.items() if observable.is_enabled()}
    published = tuple(name for name, seen in known.items() if seen.modality == "object" and seen.is_active())
    hands = tuple(name for name in known if name.endswith(("eef_pos", "eef_quat")) and "_to_" not in name)
    inverse = tuple(name for name in known if name.startswith("world_pose_in"))
    relative = tuple(name for name in published if "_to_" in name)
    absolute = tuple(name for name in published if name not in relative)
    order = (*hands, *inverse, *absolute, *relative)
    return _Sensors({name: known[name]._sensor for name in order}, order, published)


@cache
def reference(name: str) -> Reference:
    """The scene of that name in this process."""
    return Reference(SCENES[name])


def make_robosuite(scene: Scene, **changes: Any) -> Any:
    """Robosuite's own environment of a scene, as robomimic's demonstrations were recorded.

    Source: ARISE-Initiative/robomimic (d309eae), `env_args` in `docs/modules/environments.md`.
    """
    config = robosuite.load_composite_controller_config(controller="BASIC", robot="Panda")
    # Actions in the world frame, as in robosuite before 1.5 and in robomimic's data.
    config["body_parts"] = {"right": {**config["body_parts"]["right"], "input_ref_frame": "world"}}
    options: dict[str, Any] = {
        "has_renderer": False,
        "has_offscreen_renderer": False,
        "use_camera_obs": False,
        "reward_shaping": False,
        "ignore_done": True,
        "control_freq": 20,
        "seed": 0,
        **({"env_configuration": scene.configuration} if scene.n_arms > 1 else {}),
    }
    return robosuite.make(
        scene.environment,
        robots=["Panda"] * scene.n_arms,
        controller_configs=[config] * scene.n_arms,
        **options,
        **changes,
    )


def _indices(robot: Any) -> ArmIndices:
    controller = robot.part_controllers["right"]
    actuators = robot._ref_actuators_indexes_dict["right"]
    for numbers in (controller.qpos_index, controller.qvel_index, actuators):
        assert list(numbers) == list(range(numbers[0], numbers[0] + N_JOINTS))
    return ArmIndices(
        site=int(robot.eef_site_id["right"]),
        qpos=int(controller.qpos_index[0]),
        dof=int(controller.qvel_index[0]),
        actuator=int(actuators[0]),
        gripper=int(robot._ref_joint_gripper_actuator_indexes["right"][0]),
    )
