"""robomimic's files as arrays of the episode store, and back.

Delta actions of a file are in [-1, 1]; ours are in m and rad. Absolute goals follow from a delta action and the
observed pose of the hand; Diffusion Policy computes them with the simulator (real-stanford/diffusion_policy, 5ba07ac,
`diffusion_policy/scripts/robomimic_dataset_conversion.py`). Of the objects, only poses in the world are read. Poses
relative to the hand are computed anew: robosuite before 1.5 orders them differently (and gives Lift's with the opposite
sign), and robosuite 1.5 writes them one control step late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from dpbench.data.formats.robomimic_hdf5 import Demo, write
from dpbench.data.public import Arrays, PublicDemonstrations
from dpbench.demonstrations.replay import ArchiveWriter, Replay
from dpbench.errors import DataError
from dpbench.rotations import (
    matrix_from_quat,
    matrix_from_rotvec,
    matrix_from_sixd,
    quat_from_matrix,
    rotvec_from_matrix,
    sixd_from_matrix,
)
from dpbench.spec import TaskSpec

from .archives import archives
from .demonstrator import HAND_TO_SITE
from .env_args import LIMITS, controllers, differences, is_absolute, is_old, ours, scene_name
from .modes import N_NUMBERS
from .task import SCENES, Scene

Vector = NDArray[np.float64]
_HAND_KEYS = (("eef_pos", 3), ("eef_quat", 4), ("gripper_qpos", 2))


def public(task: TaskSpec) -> PublicDemonstrations:
    """What robomimic publishes for the task's scene."""
    return PublicDemonstrations(store_arrays, archives=archives(scene_name(task)), differences=differences)


def writer(task: TaskSpec) -> ArchiveWriter:  # noqa: ARG001  # one for all scenes
    """Writes robomimic's format."""
    return ArchiveWriter(export)


def store_arrays(archive: Arrays, attributes: Mapping[str, Any], task: TaskSpec) -> dict[str, NDArray[Any]]:
    """One episode of a file as one of the store.

    Args:
        archive: `actions` (T, 7 A), `obs/object`, `obs/robot<i>_eef_pos`, `..._eef_quat`, `..._gripper_qpos`, and for
            tasks with pictures `obs/<camera>_image` or the `states` to render them from.
        attributes: `env_args` of the file, `model_file` of the episode.
        task: decides which arrays are returned.

    Returns:
        `action`, `agent_pos` float32 and `environment_state` float32 or `pixels.<camera>` uint8.

    Raises:
        DataError: when the file is of another task, or its actions cannot be turned into the task's.
    """
    env_args: Mapping[str, Any] = attributes.get("env_args") or {}
    scene = SCENES[scene_name(task)]
    if env_args.get("env_name", scene.environment) != scene.environment:
        raise DataError(f"the file is of {env_args['env_name']}, {task.id} is robosuite's {scene.environment}.")
    hands = np.concatenate(
        [_row(archive, f"obs/robot{arm}_{key}", n) for arm in range(scene.n_arms) for key, n in _HAND_KEYS], axis=1
    )
    seen: dict[str, NDArray[Any]]
    if "environment_state" in task.observations:
        objects = _row(archive, "obs/object", len(scene.objects))
        seen = {"environment_state": environment_state(scene, objects, hands, is_old(env_args)).astype(np.float32)}
    else:
        seen = _pixels(archive, scene, task, str(attributes.get("model_file", "")))
    action = _actions(_row(archive, "actions", 7 * scene.n_arms), hands, env_args, task)
    return {**seen, "agent_pos": hands.astype(np.float32), "action": action.astype(np.float32)}


def environment_state(scene: Scene, objects: Vector, hands: Vector, old: bool) -> Vector:
    """Our `environment_state` (T, n) from a file's `object` (T, n) and the hands (T, 9 A).

    `old` files, of robosuite before 1.5, have each pose in the world before that in the hand, and Transport's two
    flags last.
    """
    if scene.environment == "Lift":
        return np.concatenate([objects[:, :7], objects[:, :3] - hands[:, :3]], axis=1)
    if scene.environment == "TwoArmTransport":
        payload, trash, lid = objects[:, :3], objects[:, 7:10], objects[:, 14:17]
        first, second = hands[:, :3], hands[:, 9:12]
        flags = objects[:, 39:41] if old else objects[:, 27:29]
        relative = [payload - first, lid - first, payload - second, trash - second]
        return np.concatenate([objects[:, :27], flags, *relative], axis=1)
    parts = []
    for begin in range(0, objects.shape[1] - 13, 14):
        pose = objects[:, begin : begin + 7] if old else objects[:, begin + 7 : begin + 14]
        parts += [_in_hand(pose, hands), pose]
    return np.concatenate([*parts, objects[:, 14 * (len(parts) // 2) :]], axis=1)


def _in_hand(pose: Vector, hands: Vector) -> Vector:
    """Pose (T, 7) in the world seen from the first hand, (T, 7)."""
    inverse = np.swapaxes(matrix_from_quat(hands[:, 3:7]), -1, -2)
    place = (inverse @ (pose[:, :3] - hands[:, :3])[..., None])[..., 0]
    return np.concatenate([place, quat_from_matrix(inverse @ matrix_from_quat(pose[:, 3:7]))], axis=1)


def _actions(values: Vector, hands: Vector, env_args: Mapping[str, Any], task: TaskSpec) -> Vector:
    """Actions of the task from those of the file, place (3), turn (3) and gripper of each arm."""
    absolute = is_absolute(env_args)
    if absolute and task.action.kind != "position":
        raise DataError(f"the file holds absolute goals, {task.id} is moved by displacements; choose its Abs variant.")
    if not absolute and np.abs(values).max() > 1.0 + 1e-6:
        raise DataError(
            f"actions reach {np.abs(values).max():.3g}, expected displacements in [-1, 1]; a file with absolute goals "
            "has control_delta false in its env_args."
        )
    parts = controllers(env_args) or [{}]
    result = []
    for arm, row in enumerate(np.split(values, SCENES[scene_name(task)].n_arms, axis=1)):
        hand = hands[:, 9 * arm : 9 * arm + 9]
        step = row[:, :6] * np.asarray(parts[min(arm, len(parts) - 1)].get("output_max", LIMITS), dtype=np.float64)
        if absolute:
            result += [row[:, :3], sixd_from_matrix(matrix_from_rotvec(row[:, 3:6])), row[:, 6:]]
        elif task.action.kind == "position":
            goal = matrix_from_rotvec(step[:, 3:]) @ matrix_from_quat(hand[:, 3:7]) @ HAND_TO_SITE
            result += [hand[:, :3] + step[:, :3], sixd_from_matrix(goal), row[:, 6:]]
        else:
            result += [step, row[:, 6:]]
    return np.concatenate(result, axis=1)


def _pixels(archive: Arrays, scene: Scene, task: TaskSpec, model: str) -> dict[str, NDArray[Any]]:
    if all(f"obs/{camera}_image" in archive for camera in scene.cameras):
        pictures = {camera: archive[f"obs/{camera}_image"] for camera in scene.cameras}
        wanted = (scene.image_px, scene.image_px, 3)
        for camera, values in pictures.items():
            if values.shape[1:] != wanted or values.dtype != np.uint8:
                raise DataError(f"obs/{camera}_image holds {values.dtype} {values.shape[1:]}, expected uint8 {wanted}.")
    else:
        pictures = _rendered(scene_name(task), np.asarray(archive["states"], dtype=np.float64), model)
    return {f"pixels.{camera}": values for camera, values in pictures.items()}


def _rendered(name: str, states: Vector, model: str) -> dict[str, NDArray[np.uint8]]:
    """Images of simulator states (T, S); only the episode's model holds the size of Lift's cube."""
    env = _camera_env(name)
    n_numbers, rest = len(env.simulator_state()), env.get_state()
    if states.shape[1] != n_numbers:
        raise DataError(f"states hold {states.shape[1]} numbers, expected {n_numbers}: they cannot be rendered.")
    if (size := _cube_size(model)) is not None:
        end = len(rest) - N_NUMBERS  # the cube's size, then the labels' numbers
        rest[end - len(size) : end] = size
    seen = []
    for state in states:
        # A state of the environment begins as the simulator's does.
        observation, _ = env.reset(options={"state": np.concatenate([state, rest[n_numbers:]])})
        seen.append(observation["pixels"])
    return {camera: np.stack([pixels[camera] for pixels in seen]) for camera in seen[0]}


def _cube_size(model: str) -> Vector | None:
    """Half sides (3,) m of Lift's cube in a model (MJCF), None for other models."""
    try:
        geom = ElementTree.fromstring(model).find(".//geom[@name='cube_g0']")
        return np.array(geom.get("size", "").split(), dtype=np.float64) if geom is not None else None
    except (ElementTree.ParseError, ValueError):
        return None


@lru_cache(maxsize=1)
def _camera_env(name: str) -> Any:
    from .env import RobosuiteEnv  # the simulator, only where something is rendered

    env = RobosuiteEnv(name, obs_mode="image")
    env.reset(seed=0)
    return env


def export(path: Path, task: TaskSpec, replays: Iterable[Replay]) -> None:
    """Write episodes as robomimic's current scripts do, including `states` and the model."""
    from .simulator import robosuite  # its version

    write(path, (_demo(task, replay) for replay in replays), ours(task, robosuite.__version__))


def _demo(task: TaskSpec, replay: Replay) -> Demo:
    scene = SCENES[scene_name(task)]
    rows: dict[str, NDArray[Any]] = {}
    for key, values in replay.observations.items():
        if key == "environment_state":
            rows["object"] = values
        elif key == "agent_pos":
            ends = np.cumsum([n for _, n in _HAND_KEYS] * scene.n_arms)[:-1]
            names = [f"robot{arm}_{name}" for arm in range(scene.n_arms) for name, _ in _HAND_KEYS]
            rows |= dict(zip(names, np.split(values, ends, axis=1), strict=True))
        else:
            rows[f"{key.removeprefix('pixels.')}_image"] = values
    n_steps = len(replay.actions)
    arrays = {
        "actions": _file_actions(replay.actions, task),
        "states": replay.states,
        "rewards": replay.rewards,
        "dones": (np.arange(n_steps) == n_steps - 1).astype(np.int64),
        **{f"obs/{key}": values[:-1] for key, values in rows.items()},
        **{f"next_obs/{key}": values[1:] for key, values in rows.items()},
    }
    return Demo(arrays, {"model_file": _model(scene_name(task), replay.env)})


def _model(name: str, env: Any) -> str:
    from .reference import reference  # the simulator, only where something is exported

    known, state = reference(name), env.get_state()
    end = len(state) - N_NUMBERS  # as in _rendered
    return known.xml(state[end - known.size.size : end])


def _file_actions(actions: NDArray[np.float32], task: TaskSpec) -> Vector:
    """The inverse of `_actions` for a file of ours."""
    result = []
    n_arms = SCENES[scene_name(task)].n_arms
    for row in np.split(actions.astype(np.float64), n_arms, axis=1):
        if task.action.kind == "position":
            result += [row[:, :3], rotvec_from_matrix(matrix_from_sixd(row[:, 3:9])), row[:, 9:]]
        else:
            result += [row[:, :6] / LIMITS, row[:, 6:]]
    return np.concatenate(result, axis=1)


def _row(archive: Arrays, name: str, n: int) -> Vector:
    values = np.asarray(archive[name], dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != n:
        raise DataError(f"{name} has {values.shape[1:]} numbers a step, expected {n}: it is of another task or robot.")
    return values
