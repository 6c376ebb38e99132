"""The published distribution of start states.

Source: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/env/block_pushing/block_pushing_multimodal.py`
(`_reset_block_poses`, `_reset_target_poses`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Pose = tuple[float, float, float]
"""X, y in m, yaw in rad."""

BLOCK_CENTRE_M, BLOCK_RANGE_M = (0.4, -0.2), (0.1, 0.15)
MIN_BLOCK_DISTANCE_M = 0.1
"""Along x alone, as published."""
TARGET_CENTRE_M, TARGET_X_OFFSET_M = (0.4, 0.2), 0.12
TARGET_RANGE_M, TARGET_YAW_RANGE_RAD = (0.005, 0.0075), math.pi / 30


@dataclass(frozen=True)
class Start:
    """Poses of both blocks and of both targets."""

    blocks: tuple[Pose, Pose]
    targets: tuple[Pose, Pose]


def draw_start(rng: np.random.Generator) -> Start:
    """Draw both blocks until they are far enough apart, then the targets: one on each side, in random order."""
    first = _block(rng)
    second = _block(rng)
    while abs(second[0] - first[0]) <= MIN_BLOCK_DISTANCE_M:
        first, second = _block(rng), _block(rng)
    side = TARGET_X_OFFSET_M if rng.random() < 0.5 else -TARGET_X_OFFSET_M
    return Start((first, second), (_target(rng, side), _target(rng, -side)))


def _block(rng: np.random.Generator) -> Pose:
    x, y = (centre + rng.uniform(-half, half) for centre, half in zip(BLOCK_CENTRE_M, BLOCK_RANGE_M, strict=True))
    # The published code calls numpy's uniform(pi), which means low = pi and high = 1.
    return float(x), float(y), float(rng.uniform(1.0, math.pi))


def _target(rng: np.random.Generator, offset_m: float) -> Pose:
    x = TARGET_CENTRE_M[0] + offset_m + rng.uniform(-TARGET_RANGE_M[0], TARGET_RANGE_M[0])
    y = TARGET_CENTRE_M[1] + rng.uniform(-TARGET_RANGE_M[1], TARGET_RANGE_M[1])
    yaw = (math.pi + rng.uniform(-TARGET_YAW_RANGE_RAD, TARGET_YAW_RANGE_RAD)) % math.pi
    return float(x), float(y), float(yaw)
