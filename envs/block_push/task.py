"""The description of block push (numpy only, no simulator)."""

from __future__ import annotations

import math

from dpbench.data.public import PublicDemonstrations
from dpbench.metrics.behaviour import Behaviour
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, PublishedResults, Stage, TaskSpec

from . import MAX_EPISODE_STEPS
from .scene import JUMPING, TABLETOP, X_RANGE_M, Y_RANGE_M, Arm
from .yardsticks import YARDSTICKS

RATE_HZ = 10.0
IMAGE_PX = 96
TOLERANCE_M = 0.05
MODES = ("block-target", "block-target2", "block2-target", "block2-target2")
"""The block that reaches a target first, and which target."""
STAGES = (
    Stage("p1", 0.4, "one block has been pushed into a target"),
    Stage("p2", 0.9, "both blocks have been pushed into different targets"),
)
"""The score is the sum of the different rewards of an episode, out of 0.49 and 0.51: real-stanford/diffusion_policy
(5ba07ac), `diffusion_policy/env_runner/blockpush_lowdim_runner.py`."""

_LOW, _HIGH = (X_RANGE_M[0], Y_RANGE_M[0]), (X_RANGE_M[1], Y_RANGE_M[1])
POSITION_ACTION = ActionSpec(
    names=("target x", "target y"), low=_LOW, high=_HIGH, unit="m", kind="position", frame="table, z up"
)
YAW_RAD = (0.0, math.pi)
NAMES = (
    *("block x", "block y", "block yaw", "block2 x", "block2 y", "block2 yaw"),
    *("effector target x", "effector target y"),
    *("target x", "target y", "target yaw", "target2 x", "target2 y", "target2 yaw"),
)
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")

PARTS: dict[type[object], str] = {
    Behaviour: "dpbench.envs.block_push.plans:behaviour",
    ScriptedDemonstrator: "dpbench.envs.block_push.demonstrator:scripted",
    PublishedResults: "dpbench.envs.block_push.published:results",
}
PUBLIC: dict[type[object], str] = {PublicDemonstrations: "dpbench.envs.block_push.demonstrations:public"}
"""The published archives hold no images."""


def delta_action(arm: Arm) -> ActionSpec:
    """Displacements of the effector's target."""
    low, high = (-arm.max_delta_m,) * 2, (arm.max_delta_m,) * 2
    return ActionSpec(names=("target dx", "target dy"), low=low, high=high, unit="m", kind="delta", frame="table, z up")


def agent_pos(arm: Arm) -> ArraySpec:
    """The effector's measured position."""
    low, high = zip(arm.x_range_m, arm.y_range_m, strict=True)
    return ArraySpec((2,), "float32", low, high, "m", ("effector x", "effector y"))


def environment_state(arm: Arm) -> ArraySpec:
    """Poses of blocks and targets, and the effector's last target."""
    pose = (arm.x_range_m, arm.y_range_m, YAW_RAD)
    bounds = (*pose, *pose, *pose[:2], *pose, *pose)
    low, high = zip(*bounds, strict=True)
    return ArraySpec((14,), "float32", low, high, "m, rad", NAMES)


def arm_of(task: TaskSpec) -> Arm:
    """How the effector of a task moves: that of its version."""
    return JUMPING if task.id.endswith("-v0") else TABLETOP


def _task(name: str, arm: Arm, key: str, spec: ArraySpec, action: ActionSpec) -> TaskSpec:
    floor, ceiling = YARDSTICKS[name.replace("Image", "")]
    return TaskSpec(
        id=f"dpbench/{name}",
        family="Block push",
        observations={"agent_pos": agent_pos(arm), key: spec},
        action=action,
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS,
        success="both blocks are within 5 cm of different targets, which they reached one after the other",
        score="stage_reward",
        reward_range=(0.0, 0.98),
        packages=("mujoco",) if key == "environment_state" else ("mujoco", "opencv-python-headless"),
        evaluation=(
            EvaluationStarts("seeds-100000", 100_000, 50, source="ours; the seeds' numbers as Chi et al. 2023"),
        ),
        store_arrays={"agent_pos": "agent_pos", key: key, "action": "action"},
        modes=MODES,
        stages=STAGES,
        floor=floor,
        ceiling=ceiling,
        superseded_by=f"dpbench/{name[:-1]}1" if arm is JUMPING else "",
        parts=PARTS if key == "pixels.top" else {**PARTS, **PUBLIC},
    )


TASKS = {
    task.id: task
    for version, arm in enumerate((JUMPING, TABLETOP))
    for task in (
        _task(f"BlockPush-v{version}", arm, "environment_state", environment_state(arm), delta_action(arm)),
        _task(f"BlockPushAbs-v{version}", arm, "environment_state", environment_state(arm), POSITION_ACTION),
        _task(f"BlockPushImage-v{version}", arm, "pixels.top", PIXELS, delta_action(arm)),
    )
}
