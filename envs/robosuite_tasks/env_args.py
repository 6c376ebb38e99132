"""The environment that a robomimic file was recorded in, compared with ours (no simulator).

Files of robosuite before 1.5 have one flat controller configuration; since then it stands under
`body_parts: {right: ...}`. For two arms, either layout may be a list with one entry per robot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpbench.spec import TaskSpec

from .task import MAX_DELTA_M, MAX_TURN_RAD, RATE_HZ, SCENES, Scene

VERSION = (1, 5)
"""Of robosuite, for these environments."""
LIMITS = [MAX_DELTA_M] * 3 + [MAX_TURN_RAD] * 3
CONTROLLER = {
    "type": "OSC_POSE",
    "input_max": 1,
    "input_min": -1,
    "output_max": LIMITS,
    "output_min": [-limit for limit in LIMITS],
    "kp": 150,
    "damping": 1,
    "impedance_mode": "fixed",
    "uncouple_pos_ori": True,
    "interpolation": None,
    "input_ref_frame": "world",
}
"""The controller of one arm: ARISE-Initiative/robomimic (d309eae), `docs/modules/environments.md`."""
_OTHER_NAMES = {"damping": "damping_ratio"}
_ENV_KWARGS = {"control_freq": int(RATE_HZ), "lite_physics": True}


def scene_name(task: TaskSpec) -> str:
    """`"Lift"` of `dpbench/LiftImageAbs-v0`."""
    return next(name for name in SCENES if task.id.startswith(f"dpbench/{name}"))


def is_old(env_args: Mapping[str, Any]) -> bool:
    """Whether a file is from robosuite before 1.5; the first files do not name their version."""
    version = _version(env_args)
    return version < VERSION if version else not any("body_parts" in part for part in _configurations(env_args))


def controllers(env_args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Configuration of each arm's controller, from either layout; one entry may be for all arms."""
    return [dict(part.get("body_parts", {}).get("right", part)) for part in _configurations(env_args)]


def is_absolute(env_args: Mapping[str, Any]) -> bool:
    """Whether actions are absolute goals instead of displacements."""
    return any(
        part.get("control_delta") is False or part.get("input_type") == "absolute" for part in controllers(env_args)
    )


def ours(task: TaskSpec, version: str) -> dict[str, Any]:
    """Our environment as robomimic describes it, so that its scripts can create robosuite's."""
    scene = SCENES[scene_name(task)]
    absolute = task.action.kind == "position"
    part = {**CONTROLLER, "control_delta": not absolute, "input_type": "absolute" if absolute else "delta"}
    return {
        "env_name": scene.environment,
        "env_version": version,
        "type": 1,  # robomimic's number for robosuite
        "env_kwargs": {
            "has_renderer": False,
            "has_offscreen_renderer": False,
            "ignore_done": True,
            "use_object_obs": True,
            "use_camera_obs": False,
            "camera_depths": False,
            "reward_shaping": False,
            "robots": ["Panda"] * scene.n_arms,
            "controller_configs": {"type": "BASIC", "body_parts": {"right": {**part, "gripper": {"type": "GRIP"}}}},
            **_ENV_KWARGS,
            **({"env_configuration": scene.configuration} if scene.n_arms > 1 else {}),
        },
    }


def differences(attributes: Mapping[str, Any], task: TaskSpec) -> list[str]:
    """How the environment of a file differs from the task's, one sentence each."""
    env_args: Mapping[str, Any] = attributes.get("env_args") or {}
    if not env_args:
        return ["the file does not describe its environment (no env_args), so that nothing could be compared."]
    scene, kwargs = SCENES[scene_name(task)], env_args.get("env_kwargs", {})
    robots = kwargs.get("robots", [])
    pairs: list[tuple[str, Any, Any]] = [
        ("environment", env_args.get("env_name"), scene.environment),
        ("robots", [robots] if isinstance(robots, str) else list(robots), ["Panda"] * scene.n_arms),
        *((key, kwargs[key], value) for key, value in _ENV_KWARGS.items() if key in kwargs),
    ]
    if scene.n_arms > 1:
        placed = kwargs.get("env_configuration", scene.configuration)
        pairs.append(("env_configuration", str(placed).removeprefix("single-arm-"), scene.configuration))  # before 1.5
    sentences = [_sentence(*pair) for pair in pairs if pair[1] != pair[2]]
    return [*sentences, *_version_differences(env_args), *_controller_differences(env_args, task, scene)]


def _version_differences(env_args: Mapping[str, Any]) -> list[str]:
    wanted = ".".join(map(str, VERSION))
    if not _version(env_args):
        return [f"the file does not name the version of robosuite it was recorded with; this task uses {wanted}."]
    return [] if _version(env_args) == VERSION else [_sentence("robosuite's version", env_args["env_version"], wanted)]


def _controller_differences(env_args: Mapping[str, Any], task: TaskSpec, scene: Scene) -> list[str]:
    parts = controllers(env_args)
    if not parts:
        return ["the file does not describe the controller of its arms (no controller_configs)."]
    sentences = []
    for number, part in enumerate(parts):
        arm = f"arm {number}: " if scene.n_arms > 1 and len(parts) > 1 else ""
        for key, wanted in CONTROLLER.items():
            found = part.get(key, part.get(_OTHER_NAMES.get(key, key), _default(key, env_args, wanted)))
            if found != wanted:
                sentences.append(_sentence(f"{arm}controller's {key}", found, wanted))
    if is_absolute(env_args) != (task.action.kind == "position"):
        kinds = ("displacements", "goals")
        absolute = is_absolute(env_args)
        sentences.append(f"its actions are {kinds[absolute]}, those of {task.id} are {kinds[not absolute]}.")
    return sentences


def _default(key: str, env_args: Mapping[str, Any], wanted: Any) -> Any:
    """Robosuite's default for a key that a file lacks; before 1.5 all actions were in the world frame."""
    return "base" if key == "input_ref_frame" and not is_old(env_args) else wanted


def _sentence(what: str, found: Any, wanted: Any) -> str:
    return f"{what} is {found!r} in the file, {wanted!r} in this task."


def _configurations(env_args: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = env_args.get("env_kwargs", {}).get("controller_configs") or []
    return [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, Mapping)]


def _version(env_args: Mapping[str, Any]) -> tuple[int, ...]:
    """`(1, 5)` of `"1.5.1"`, `()` when unknown."""
    numbers = str(env_args.get("env_version", "")).split(".")[:2]
    return tuple(map(int, numbers)) if len(numbers) == 2 and all(number.isdigit() for number in numbers) else ()
