"""What the harness knows of the robosuite tasks (numpy only, no simulator).

Sources: FACTS 3 (Chi et al. 2023; robomimic); observables and success rules of robosuite 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, PublishedResult, TaskSpec

from . import MAX_EPISODE_STEPS, VARIANTS
from .archives import archives

RATE_HZ = 20.0
PACKAGES = ("mujoco", "robosuite", "numba")
"""Numba compiles the controller: another version may round another way."""
MAX_DELTA_M, MAX_TURN_RAD = 0.05, 0.5
"""Largest displacement and turn of one control step and axis (FACTS 3.2)."""
WORKSPACE_M = ((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))
"""Lower and upper corner of where absolute goals may be; the arms' reach is inside."""
_FAR_M = 100.0
"""Objects can be thrown off the table."""


@dataclass(frozen=True)
class Scene:
    """One robosuite environment.

    Attributes:
        environment: robosuite's name for it.
        n_arms: one robot each.
        configuration: how two robots stand to each other.
        objects: names of the values of `object-state`, in robosuite's order.
        cameras: names of the cameras.
        image_px: side of their pictures.
        success: the rule in one sentence.
        modes: names of the behaviour modes.
        demonstrator: whether there is a script.
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
"""How the hand came down to the cube, and which of its pairs of faces the fingers hold."""
_WAYS = ("straight", "left", "right")
CAN_MODES = tuple(f"{way}, fingers along {axis}" for way in _WAYS for axis in "yx")
"""On which side of the straight line the can was half-way to its bin, and how the fingers stood as it was lifted."""
SQUARE_MODES = tuple(f"{way}, handle {end}" for way in _WAYS for end in ("+x", "+y", "-x", "-y"))
"""The same for the nut on its way to the peg, and where its handle points in the end."""
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
    """End effector's place (3), orientation (4) and finger joints (2) of each arm, `(9 A,)`."""
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
    """The picture of one camera."""
    return ArraySpec((scene.image_px, scene.image_px, 3), "uint8", 0.0, 255.0, "8-bit RGB")


def action(scene: Scene, action_mode: str) -> ActionSpec:
    """7 numbers an arm for `"delta"`, 10 for `"absolute"`."""
    if action_mode == "delta":
        names: tuple[str, ...] = ("dx", "dy", "dz", "turn x", "turn y", "turn z", "gripper")
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


_TABLES = {"state": "Chi et al. 2023, Tab. 1 (state)", "image": "Chi et al. 2023, Tab. 2 (image)"}
_METHODS = {
    "state": ("lstm-gmm", "ibc", "bet", "diffusion-cnn", "diffusion-transformer"),
    "image": ("lstm-gmm", "ibc", "diffusion-cnn", "diffusion-transformer"),
}
# scene -> data -> max and avg of each method above; ph: one proficient operator, mh: several.
_PUBLISHED: dict[str, dict[str, dict[str, tuple[tuple[float, float], ...]]]] = {
    "state": {
        "Lift": {
            "ph": ((1.00, 0.96), (0.79, 0.41), (1.00, 0.96), (1.00, 0.98), (1.00, 1.00)),
            "mh": ((1.00, 0.93), (0.15, 0.02), (1.00, 0.99), (1.00, 0.97), (1.00, 1.00)),
        },
        "Can": {
            "ph": ((1.00, 0.91), (0.00, 0.00), (1.00, 0.89), (1.00, 0.96), (1.00, 1.00)),
            "mh": ((1.00, 0.81), (0.01, 0.01), (1.00, 0.90), (1.00, 0.96), (1.00, 0.94)),
        },
        "Square": {
            "ph": ((0.95, 0.73), (0.00, 0.00), (0.76, 0.52), (1.00, 0.93), (1.00, 0.89)),
            "mh": ((0.86, 0.59), (0.00, 0.00), (0.68, 0.43), (0.97, 0.82), (0.95, 0.81)),
        },
        "Transport": {
            "ph": ((0.76, 0.47), (0.00, 0.00), (0.38, 0.14), (0.94, 0.82), (1.00, 0.84)),
            "mh": ((0.62, 0.20), (0.00, 0.00), (0.21, 0.06), (0.68, 0.46), (0.62, 0.35)),
        },
        "ToolHang": {"ph": ((0.67, 0.31), (0.00, 0.00), (0.58, 0.20), (0.50, 0.30), (1.00, 0.87))},
    },
    "image": {
        "Lift": {
            "ph": ((1.00, 0.96), (0.94, 0.73), (1.00, 1.00), (1.00, 1.00)),
            "mh": ((1.00, 0.95), (0.39, 0.05), (1.00, 1.00), (1.00, 0.99)),
        },
        "Can": {
            "ph": ((1.00, 0.88), (0.08, 0.01), (1.00, 0.97), (1.00, 0.98)),
            "mh": ((0.98, 0.90), (0.00, 0.00), (1.00, 0.96), (1.00, 0.98)),
        },
        "Square": {
            "ph": ((0.82, 0.59), (0.03, 0.00), (0.98, 0.92), (1.00, 0.90)),
            "mh": ((0.64, 0.38), (0.00, 0.00), (0.98, 0.84), (0.94, 0.80)),
        },
        "Transport": {
            "ph": ((0.88, 0.62), (0.00, 0.00), (1.00, 0.93), (0.98, 0.81)),
            "mh": ((0.44, 0.24), (0.00, 0.00), (0.89, 0.69), (0.73, 0.50)),
        },
        "ToolHang": {"ph": ((0.68, 0.49), (0.00, 0.00), (0.95, 0.73), (0.76, 0.47))},
    },
}


def _published(scene: str, obs_mode: str) -> tuple[PublishedResult, ...]:
    return tuple(
        PublishedResult(method, f"success on human data ({data}), {kind}", value, _TABLES[obs_mode])
        for data, rows in _PUBLISHED[obs_mode][scene].items()
        for method, pair in zip(_METHODS[obs_mode], rows, strict=True)
        for kind, value in zip(("max", "avg"), pair, strict=True)
    )


def _task(name: str, variant: str) -> TaskSpec:
    scene, (obs_mode, action_mode) = SCENES[name], VARIANTS[variant]
    seen = (
        {"environment_state": environment_state(scene)}
        if obs_mode == "state"
        else {f"pixels.{camera}": pixels(scene) for camera in scene.cameras}
    )
    state_task = f"dpbench/{name}{variant.replace('Image', '')}-v0"
    return TaskSpec(
        id=f"dpbench/{name}{variant}-v0",
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
        published=_published(name, obs_mode),
        modes=scene.modes,
        demonstrator="dpbench.envs.robosuite_tasks.demonstrator:demonstrator" if scene.demonstrator else None,
        demonstrator_sees=state_task if scene.demonstrator and obs_mode == "image" else None,
        archives=archives(name),
        archive_arrays="dpbench.envs.robosuite_tasks.recordings:store_arrays",
        archive_check="dpbench.envs.robosuite_tasks.env_args:differences",
        archive_export="dpbench.envs.robosuite_tasks.recordings:export",
    )


LIFT, LIFT_ABS, LIFT_IMAGE, LIFT_IMAGEABS = (_task("Lift", variant) for variant in VARIANTS)
CAN, CAN_ABS, CAN_IMAGE, CAN_IMAGEABS = (_task("Can", variant) for variant in VARIANTS)
SQUARE, SQUARE_ABS, SQUARE_IMAGE, SQUARE_IMAGEABS = (_task("Square", variant) for variant in VARIANTS)
TOOLHANG, TOOLHANG_ABS, TOOLHANG_IMAGE, TOOLHANG_IMAGEABS = (_task("ToolHang", variant) for variant in VARIANTS)
TRANSPORT, TRANSPORT_ABS, TRANSPORT_IMAGE, TRANSPORT_IMAGEABS = (_task("Transport", variant) for variant in VARIANTS)
