"""The description of Avoid (numpy only, no simulator)."""

from __future__ import annotations

from itertools import product

from dpbench.metrics.behaviour import Behaviour
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, TaskSpec

from . import MAX_EPISODE_STEPS
from .scene import BACK_Y_M, FRONT_Y_M, GAPS_X_M, HALF_WIDTH_M

RATE_HZ = 10.0
IMAGE_PX = 96
MODES = tuple("".join(map(str, gaps)) for gaps in product(*(range(len(row)) for row in GAPS_X_M)))
"""The 24 ways: the gap in each row, counted from the left, `"000"` to `"123"`."""

_LOW, _HIGH = (-HALF_WIDTH_M, BACK_Y_M), (HALF_WIDTH_M, FRONT_Y_M)
ACTION = ActionSpec(
    names=("target x", "target y"), low=_LOW, high=_HIGH, unit="m", kind="position", frame="course, y ahead"
)
# The finger overshoots its target a little.
AGENT_POS = ArraySpec((2,), "float32", -1.0, 1.0, "m", ("finger x", "finger y"))
TARGET = ArraySpec((2,), "float32", -1.0, 1.0, "m", ("last target x", "last target y"))
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")


def _task(name: str, key: str, spec: ArraySpec) -> TaskSpec:
    return TaskSpec(
        id=f"dpbench/{name}",
        family="Avoid",
        observations={"agent_pos": AGENT_POS, key: spec},
        action=ACTION,
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS,
        success="the finger crosses the finish line without having touched an obstacle",
        score="progress",
        reward_range=(0.0, 1.0),
        packages=("mujoco",) if key == "environment_state" else ("mujoco", "opencv-python-headless"),
        evaluation=(EvaluationStarts("seeds-100000", 100_000, 50, source="ours"),),
        store_arrays={
            "agent_pos": "agent_pos",
            key: "target" if key == "environment_state" else key,
            "action": "action",
        },
        modes=MODES,
        parts={
            Behaviour: "dpbench.envs.avoid.plans:behaviour",
            ScriptedDemonstrator: "dpbench.envs.avoid.demonstrator:scripted",
        },
    )


STATE = _task("Avoid-v0", "environment_state", TARGET)
IMAGE = _task("AvoidImage-v0", "pixels.top", PIXELS)
