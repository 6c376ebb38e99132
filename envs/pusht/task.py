"""What the harness knows of Push-T: three observation modes of one task (numpy only, no simulator).

Sources: `pusht_env.py`, `task/pusht_*.yaml` and `pusht_*_runner.py` of real-stanford/diffusion_policy; Chi et al. 2023
(arXiv 2303.04137v5), Tables 1 and 2.
"""

from __future__ import annotations

import math

from dpbench.spec import ActionSpec, ArraySpec, DatasetSpec, EvaluationStarts, PublishedResult, TaskSpec

from . import MAX_EPISODE_STEPS
from .modes import MODES, SYMMETRIC_START

RATE_HZ = 10.0
SUCCESS_COVERAGE = 0.95
WINDOW_PX = 512.0
IMAGE_PX = 96
N_KEYPOINTS = 9

# The finger stays between its targets; the block can be squeezed out through a wall (seen at x = 862 px).
_LOW_PX, _HIGH_PX = -1024.0, 1536.0

ACTION = ActionSpec(
    names=("target x", "target y"),
    low=(0.0, 0.0),
    high=(WINDOW_PX, WINDOW_PX),
    unit="px",
    kind="position",
    frame="window, y down",
)
AGENT_POS = ArraySpec((2,), "float32", _LOW_PX, _HIGH_PX, "px", ("agent x", "agent y"))
BLOCK_POSE = ArraySpec(
    (3,),
    "float32",
    (_LOW_PX, _LOW_PX, 0.0),
    (_HIGH_PX, _HIGH_PX, 2 * math.pi),
    "px, px, rad",
    ("block x", "block y", "block angle"),
)
KEYPOINTS_SPEC = ArraySpec(
    (2 * N_KEYPOINTS,),
    "float32",
    _LOW_PX,
    _HIGH_PX,
    "px",
    tuple(f"keypoint {number} {axis}" for number in range(N_KEYPOINTS) for axis in "xy"),
)
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")

# The shipped configuration evaluates 50 starts from seed 100000, all in the legacy draw and order.
_LEGACY = {"draw": "legacy", "set_order": "legacy"}
EVALUATION = (
    EvaluationStarts("legacy-100000", 100_000, 50, _LEGACY, "diffusion_policy task/pusht_lowdim.yaml: test_start_seed"),
    EvaluationStarts(
        "legacy-4300000", 4_300_000, 50, _LEGACY, "evaluation log published with diffusion_policy's README"
    ),
    EvaluationStarts(
        "symmetric", 100_000, 50, {"state": SYMMETRIC_START}, "ours, after Chi et al. 2023, Fig. 3: one state, 50 times"
    ),
)

DATASET = DatasetSpec(
    name="pusht",
    format="diffusion-policy-zarr",
    url="https://diffusion-policy.cs.columbia.edu/data/training/pusht.zip",
    size_bytes=31_154_775,
    sha256="3099c4b90b4b79aa325a6b0af0994e01a5621c8f7e03461a1378348848cc6e41",
    array_sha256={
        "data/action": "6691b085749144b8db1aede97a80fb380afd08953fcd03660b441d0ffe9d6a8f",
        "data/state": "dcdc539bfdba9fc01cba8d2fe91cc580539ec046a88b0ffbe91be5511948d4dc",
        "data/keypoint": "2419980734c1d41050f8fbf7513031e6e784168bafbe42bcec81fdebe44c6611",
        "data/img": "3f7650895d1a500d7162b10475df689731f4fece2b15eaf7d913a560c2a0783d",
        "meta/episode_ends": "82db02e667c59a83fedb211ab9b84182591b75009df1385210d5235197f93d72",
    },
    n_episodes=206,
    n_steps=25_650,
    arrays="dpbench.envs.pusht.demonstrations:store_arrays",
    source="206 human demonstrations by mouse, Chi et al. 2023",
)

_STATE_TABLE, _IMAGE_TABLE = "Chi et al. 2023, Tab. 1 (state)", "Chi et al. 2023, Tab. 2 (image)"


def _published(source: str, **figures: tuple[float, float]) -> tuple[PublishedResult, ...]:
    return tuple(
        PublishedResult(method.replace("_", "-"), f"mean max reward, {kind}", value, source)
        for method, pair in figures.items()
        for kind, value in zip(("max", "avg"), pair, strict=True)
    )


# Tab. 1 was measured from keypoints; the pose mode has no published column.
PUBLISHED_KEYPOINTS = _published(
    _STATE_TABLE,
    lstm_gmm=(0.67, 0.61),
    ibc=(0.90, 0.84),
    bet=(0.79, 0.70),
    diffusion_cnn=(0.95, 0.91),
    diffusion_transformer=(0.95, 0.79),
)
PUBLISHED_IMAGE = _published(
    _IMAGE_TABLE,
    lstm_gmm=(0.69, 0.54),
    ibc=(0.75, 0.64),
    diffusion_cnn=(0.91, 0.84),
    diffusion_transformer=(0.78, 0.66),
)


def _task(
    name: str, observation: tuple[str, ArraySpec], array: str, published: tuple[PublishedResult, ...]
) -> TaskSpec:
    key, spec = observation
    return TaskSpec(
        id=f"dpbench/{name}",
        observations={"agent_pos": AGENT_POS, key: spec},
        action=ACTION,
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS,
        success="the block covers more than 95 % of the goal's area at some step, which ends the episode",
        score="coverage",
        reward_range=(0.0, 1.0),
        packages=("pymunk",) if "environment_state" in observation else ("pymunk", "opencv-python-headless"),
        evaluation=EVALUATION,
        dataset=DATASET,
        store_arrays={"agent_pos": "agent_pos", key: array, "action": "action"},
        published=published,
        modes=MODES,
        plan_of="dpbench.envs.pusht.modes:plan_of",
        chunk_pixels="dpbench.envs.pusht.modes:chunk_pixels",
        demonstrator="dpbench.envs.pusht.demonstrator:demonstrator" if "environment_state" in observation else None,
    )


STATE = _task("PushT-v0", ("environment_state", BLOCK_POSE), "block_pose", ())
KEYPOINTS = _task("PushTKeypoints-v0", ("environment_state", KEYPOINTS_SPEC), "keypoints", PUBLISHED_KEYPOINTS)
IMAGE = _task("PushTImage-v0", ("pixels.top", PIXELS), "pixels.top", PUBLISHED_IMAGE)
