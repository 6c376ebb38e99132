"""The description of Push-T: one task in three observation modes (numpy only, no simulator).

Source: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/env/pusht/pusht_env.py`,
`diffusion_policy/config/task/pusht_{lowdim,image}.yaml` and `diffusion_policy/env_runner/pusht_*_runner.py`.
"""

from __future__ import annotations

import math

from dpbench.data.public import PublicDemonstrations
from dpbench.metrics.behaviour import Behaviour
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, PublishedResults, TaskSpec
from dpbench.yardsticks import Ceiling, Floor

from . import MAX_EPISODE_STEPS
from .modes import MODES, SYMMETRIC_START

RATE_HZ = 10.0
SUCCESS_COVERAGE = 0.95
WINDOW_PX = 512.0
IMAGE_PX = 96
N_KEYPOINTS = 9

# The block can be squeezed out through a wall; the farthest seen was x = 862 px.
LOW_PX, HIGH_PX = -1024.0, 1536.0

ACTION = ActionSpec(
    names=("target x", "target y"),
    low=(0.0, 0.0),
    high=(WINDOW_PX, WINDOW_PX),
    unit="px",
    kind="position",
    frame="window, y down",
)
AGENT_POS = ArraySpec((2,), "float32", LOW_PX, HIGH_PX, "px", ("agent x", "agent y"))
BLOCK_POSE = ArraySpec(
    (3,),
    "float32",
    (LOW_PX, LOW_PX, 0.0),
    (HIGH_PX, HIGH_PX, 2 * math.pi),
    "px, px, rad",
    ("block x", "block y", "block angle"),
)
KEYPOINTS_SPEC = ArraySpec(
    (2 * N_KEYPOINTS,),
    "float32",
    LOW_PX,
    HIGH_PX,
    "px",
    tuple(f"keypoint {number} {axis}" for number in range(N_KEYPOINTS) for axis in "xy"),
)
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")

# The published configuration evaluates 50 starts from seed 100000, with legacy draw and order.
_LEGACY = {"draw": "legacy", "set_order": "legacy"}
EVALUATION = (
    EvaluationStarts(
        "legacy-100000",
        100_000,
        50,
        _LEGACY,
        "real-stanford/diffusion_policy, diffusion_policy/config/task/pusht_lowdim.yaml: test_start_seed",
    ),
    EvaluationStarts(
        "legacy-4300000",
        4_300_000,
        50,
        _LEGACY,
        "evaluation log linked in the README of real-stanford/diffusion_policy",
    ),
    EvaluationStarts(
        "symmetric", 100_000, 50, {"state": SYMMETRIC_START}, "ours, after Chi et al. 2023, Fig. 3: one state, 50 times"
    ),
)

FLOOR, CEILING = Floor(0.0, 0.0), Ceiling(0.14, 95.6)
"""As `dpbench check floors` measured them from keypoints (leaderboards/floors.json); what is shown changes nothing."""

PARTS: dict[type[object], str] = {
    PublicDemonstrations: "dpbench.envs.pusht.demonstrations:public",
    Behaviour: "dpbench.envs.pusht.modes:behaviour",
}
SCRIPTED: dict[type[object], str] = {ScriptedDemonstrator: "dpbench.envs.pusht.demonstrator:scripted"}
PUBLISHED: dict[type[object], str] = {PublishedResults: "dpbench.envs.pusht.published:results"}


def _task(name: str, observation: tuple[str, ArraySpec], array: str, parts: dict[type[object], str]) -> TaskSpec:
    key, spec = observation
    return TaskSpec(
        id=f"dpbench/{name}",
        family="Push-T",
        observations={"agent_pos": AGENT_POS, key: spec},
        action=ACTION,
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS,
        success="the block covers more than 95 % of the goal's area at some step, which ends the episode",
        score="coverage",
        reward_range=(0.0, 1.0),
        packages=("pymunk",) if "environment_state" in observation else ("pymunk", "opencv-python-headless"),
        evaluation=EVALUATION,
        store_arrays={"agent_pos": "agent_pos", key: array, "action": "action"},
        modes=MODES,
        floor=FLOOR,
        ceiling=CEILING,
        parts={**PARTS, **parts},
    )


STATE = _task("PushT-v0", ("environment_state", BLOCK_POSE), "block_pose", SCRIPTED)
KEYPOINTS = _task("PushTKeypoints-v0", ("environment_state", KEYPOINTS_SPEC), "keypoints", SCRIPTED | PUBLISHED)
IMAGE = _task("PushTImage-v0", ("pixels.top", PIXELS), "pixels.top", PUBLISHED)
