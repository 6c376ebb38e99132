"""The descriptions of the robosuite tasks (numpy only, no simulator).

Sources: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/config/task/*.yaml` (cameras, picture sizes, step
limits, absolute actions); observables and success rules of ARISE-Initiative/robosuite 1.5.2,
`robosuite/environments/manipulation/`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpbench.data.public import PublicDemonstrations
from dpbench.demonstrations.replay import ArchiveWriter
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.policies.real_time import Standing
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, PublishedResults, TaskSpec

from . import MAX_EPISODE_STEPS, VARIANTS, versions
from .yardsticks import YARDSTICKS

RATE_HZ = 20.0
PACKAGES = ("mujoco", "robosuite", "numba")
"""Numba compiles the controller; another version may round differently."""
MAX_DELTA_M, MAX_TURN_RAD = 0.05, 0.5
"""Largest displacement and turn of one control step and axis; source as `env_args.CONTROLLER`."""
WORKSPACE_M = ((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))
"""Lower and upper corner of the box for absolute goals, which contains the arms' reach."""
_FAR_M = 100.0
"""Bound of object positions: objects can be thrown off the table."""


@dataclass(frozen=True)
class Scene:
    """One robosuite environment.

    Attributes:
        environment: robosuite's name for it.
        n_arms: number of arms, one robot each.
        configuration: how two robots are placed relative to each other.
        objects: names of the values of `object-state`, in robosuite's order.
        cameras: names of the cameras.
        image_px: side length of their images.
        success: the success rule in one sentence.
        modes: names of the behaviour modes.
        demonstrator: whether there is a scripted demonstrator.
    """

    environment: str
    n_arms: int
    configuration: str
    objects: tuple[str, ...]
    cameras: tuple[str, ...]
    image_px: int
    success: str
    modes: tuple[str, ...] = ()
    demonstrator: bool = False


def _pose(name: str) -> tuple[str, ...]:
    return (*_place(name), *(f"{name} q{axis}" for axis in "xyzw"))


def _place(name: str) -> tuple[str, ...]:
    return tuple(f"{name} {axis}" for axis in "xyz")


_ONE_ARM = ("agentview", "robot0_eye_in_hand")
LIFT_MODES = tuple(f"{way}, {faces}" for way in ("above", "left", "right") for faces in ("x faces", "y faces"))
"""From where the hand approached the cube, and which pair of faces the fingers hold."""
_WAYS = ("straight", "left", "right")
CAN_MODES = tuple(f"{way}, fingers along {axis}" for way in _WAYS for axis in "yx")
"""On which side of the straight line the can was halfway to its bin, and the fingers' direction at lift-off."""
SQUARE_MODES = tuple(f"{way}, handle {end}" for way in _WAYS for end in ("+x", "+y", "-x", "-y"))
"""The same for the nut on its way to the peg, and where its handle points at the end."""
SCENES = {
    "Lift": Scene(
        "Lift", 1, "default", (*_pose("cube"), *_place("gripper to cube")), _ONE_ARM, 84,
        "the cube is 4 cm above the table", LIFT_MODES, True,
    ),
    "Can": Scene(
        "PickPlaceCan", 1, "default", (*_pose("can in hand"), *_pose("can")), _ONE_ARM, 84,
        "the can is in its bin and the hand has let go of it", CAN_MODES, True,
    ),
    "Square": Scene(
        "NutAssemblySquare", 1, "default", (*_pose("nut in hand"), *_pose("nut")), _ONE_ARM, 84,
        "the nut is around its peg and the hand is not at its middle", SQUARE_MODES, True,
    ),
    "ToolHang": Scene(
        "ToolHang", 1, "default",
        (
            *(value for name in ("base", "frame", "tool") for value in (*_pose(f"{name} in hand"), *_pose(name))),
            *("frame is assembled", "tool on frame"),
        ),
        ("sideview", "robot0_eye_in_hand"), 240,
        "the frame stands in its base and the tool hangs on it",
    ),
    "Transport": Scene(
        "TwoArmTransport", 2, "opposed",
        (
            *_pose("payload"), *_pose("trash"), *_pose("lid handle"), *_place("target bin"), *_place("trash bin"),
            *("payload in target bin", "trash in trash bin"),
            *_place("gripper0 to payload"), *_place("gripper0 to lid handle"),
            *_place("gripper1 to payload"), *_place("gripper1 to trash"),
        ),
        ("shouldercamera0", "shouldercamera1", "robot0_eye_in_hand", "robot1_eye_in_hand"), 84,
        "the payload is in the target bin and the trash in the trash bin",
    ),
}  # fmt: skip


def agent_pos(scene: Scene) -> ArraySpec:
    """End-effector position (3), orientation (4) and finger joints (2) of each arm, `(9 A,)`."""
    names = [
        f"{prefix}{name}"
        for prefix in _prefixes(scene)
        for name in (*_pose("hand"), "left finger", "right finger")
    ]  # fmt: skip
    high = (2.5, 2.5, 2.5, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1) * scene.n_arms
    low = tuple(-value for value in high)
    return ArraySpec((9 * scene.n_arms,), "float32", low, high, "m, quaternion (x, y, z, w), m", tuple(names))


def environment_state(scene: Scene) -> ArraySpec:
    """Robosuite's `object-state`."""
    return ArraySpec(
        (len(scene.objects),), "float32", -_FAR_M, _FAR_M, "m, quaternions (x, y, z, w), 0 or 1", scene.objects
    )


def pixels(scene: Scene) -> ArraySpec:
    """The image of one camera."""
    return ArraySpec((scene.image_px, scene.image_px, 3), "uint8", 0.0, 255.0, "8-bit RGB")


def action(scene: Scene, action_mode: str) -> ActionSpec:
    """7 numbers per arm for `"delta"`, 10 for `"absolute"`."""
    if action_mode == "delta":
        names: tuple[str, ...] = ("dx", "dy", "dz", "rotation x", "rotation y", "rotation z", "gripper")
        high: tuple[float, ...] = (MAX_DELTA_M,) * 3 + (MAX_TURN_RAD,) * 3 + (1.0,)
        low: tuple[float, ...] = tuple(-value for value in high)
        unit = "m, rad, -1 (open) to 1 (close)"
    else:
        names = ("x", "y", "z", *(f"r{row}{column}" for row in range(2) for column in range(3)), "gripper")
        low = (*WORKSPACE_M[0], *(-1.0,) * 7)
        high = (*WORKSPACE_M[1], *(1.0,) * 7)
        unit = "m, two rows of a rotation matrix, -1 (open) to 1 (close)"
    return ActionSpec(
        names=tuple(f"{prefix}{name}" for prefix in _prefixes(scene) for name in names),
        low=low * scene.n_arms,
        high=high * scene.n_arms,
        unit=unit,
        kind="delta" if action_mode == "delta" else "position",
        frame="world, z up; the point between the fingers",
        rotation="axis times angle" if action_mode == "delta" else "6-D",
        gripper=len(names) - 1,
    )


def _prefixes(scene: Scene) -> tuple[str, ...]:
    return ("",) if scene.n_arms == 1 else tuple(f"robot{number} " for number in range(scene.n_arms))


PARTS: dict[type[object], str] = {
    PublicDemonstrations: "dpbench.envs.robosuite_tasks.demonstrations:public",
    ArchiveWriter: "dpbench.envs.robosuite_tasks.demonstrations:writer",
    PublishedResults: "dpbench.envs.robosuite_tasks.published:results",
}
STANDING: dict[type[object], str] = {Standing: "dpbench.envs.robosuite_tasks.standing:standing"}
SCRIPTED: dict[type[object], str] = {ScriptedDemonstrator: "dpbench.envs.robosuite_tasks.demonstrator:scripted"}


def _task(name: str, variant: str, version: int) -> TaskSpec:
    scene, (obs_mode, action_mode) = SCENES[name], VARIANTS[variant]
    floor, ceiling = YARDSTICKS[f"{name}{variant.replace('Image', '')}-v{version}"]
    seen = (
        {"environment_state": environment_state(scene)}
        if obs_mode == "state"
        else {f"pixels.{camera}": pixels(scene) for camera in scene.cameras}
    )
    return TaskSpec(
        id=f"dpbench/{name}{variant}-v{version}",
        family="robosuite",
        observations={**seen, "agent_pos": agent_pos(scene)},
        action=action(scene, action_mode),
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS[name],
        success=scene.success,
        score="progress",
        reward_range=(0.0, 1.0),
        packages=(*PACKAGES, "opencv-python-headless") if obs_mode == "image" else PACKAGES,
        evaluation=(
            EvaluationStarts("seeds-100000", 100_000, 50, source="ours; the seeds' numbers as Chi et al. 2023"),
        ),
        store_arrays={key: key for key in (*seen, "agent_pos", "action")},
        modes=scene.modes,
        floor=floor,
        ceiling=ceiling,
        superseded_by=f"dpbench/{name}{variant}-v1" if version < max(versions(name, variant)) else "",
        parts={
            **PARTS,
            **(SCRIPTED if scene.demonstrator else {}),
            **(STANDING if action_mode == "absolute" else {}),
        },
    )


SPECS = {
    task.id: task
    for name in SCENES
    for variant in VARIANTS
    for task in (_task(name, variant, version) for version in versions(name, variant))
}
"""The tasks by their ids."""
