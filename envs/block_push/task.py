"""What the harness knows of block push (numpy only, no simulator)."""

from __future__ import annotations

import math

from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, PublishedResult, TaskSpec

from . import MAX_EPISODE_STEPS
from .scene import X_RANGE_M, Y_RANGE_M

RATE_HZ = 10.0
IMAGE_PX = 96
TOLERANCE_M = 0.05
MODES = ("block-target", "block-target2", "block2-target", "block2-target2")
"""Which block reaches a target first, and which target."""
STAGES = {"p1": 0.4, "p2": 0.9}
"""A rollout has passed a stage when the sum of the different rewards that it got is above this (FACTS 2.5)."""

_LOW, _HIGH = (X_RANGE_M[0], Y_RANGE_M[0]), (X_RANGE_M[1], Y_RANGE_M[1])
DELTA_ACTION = ActionSpec(
    names=("target dx", "target dy"), low=(-0.1, -0.1), high=(0.1, 0.1), unit="m", kind="delta", frame="table, z up"
)
POSITION_ACTION = ActionSpec(
    names=("target x", "target y"), low=_LOW, high=_HIGH, unit="m", kind="position", frame="table, z up"
)
# Blocks can be pushed out of the workspace.
_PLACE, _YAW = (-1.0, 2.0), (0.0, math.pi)
_BOUNDS = (_PLACE, _PLACE, _YAW, _PLACE, _PLACE, _YAW, _PLACE, _PLACE, _PLACE, _PLACE, _YAW, _PLACE, _PLACE, _YAW)
AGENT_POS = ArraySpec((2,), "float32", *_PLACE, "m", ("effector x", "effector y"))
ENVIRONMENT_STATE = ArraySpec(
    (14,),
    "float32",
    tuple(low for low, _ in _BOUNDS),
    tuple(high for _, high in _BOUNDS),
    "m, rad",
    (
        *("block x", "block y", "block yaw", "block2 x", "block2 y", "block2 yaw"),
        *("effector target x", "effector target y"),
        *("target x", "target y", "target yaw", "target2 x", "target2 y", "target2 yaw"),
    ),
)
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")

_TABLE = "Chi et al. 2023, Tab. 4"
_STAGES_PASSED = {
    "lstm-gmm": (0.03, 0.01),
    "ibc": (0.01, 0.00),
    "bet": (0.96, 0.71),
    "diffusion-cnn": (0.36, 0.11),
    "diffusion-transformer": (0.99, 0.94),
}
PUBLISHED = tuple(
    PublishedResult(method, stage, value, _TABLE)
    for method, pair in _STAGES_PASSED.items()
    for stage, value in zip(STAGES, pair, strict=True)
) + tuple(
    PublishedResult(method, "stage_reward, avg", round(0.49 * p1 + 0.51 * p2, 2), f"{_TABLE}: 0.49 p1 + 0.51 p2")
    for method, (p1, p2) in _STAGES_PASSED.items()
)


def _task(name: str, key: str, spec: ArraySpec, action: ActionSpec) -> TaskSpec:
    return TaskSpec(
        id=f"dpbench/{name}",
        observations={"agent_pos": AGENT_POS, key: spec},
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
        published=PUBLISHED,
        modes=MODES,
        plan_of=f"dpbench.envs.block_push.plans:{action.kind}_plan_of",
        chunk_pixels=f"dpbench.envs.block_push.plans:{action.kind}_chunk_pixels",
        stages=STAGES,
        demonstrator="dpbench.envs.block_push.demonstrator:demonstrator",
        demonstrator_sees="dpbench/BlockPush-v0" if key == "pixels.top" else None,
        archive_arrays=f"dpbench.envs.block_push.demonstrations:{action.kind}_arrays"
        if key == "environment_state"
        else None,
    )


DELTA = _task("BlockPush-v0", "environment_state", ENVIRONMENT_STATE, DELTA_ACTION)
POSITION = _task("BlockPushAbs-v0", "environment_state", ENVIRONMENT_STATE, POSITION_ACTION)
IMAGE = _task("BlockPushImage-v0", "pixels.top", PIXELS, DELTA_ACTION)
