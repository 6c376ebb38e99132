"""The two behaviour modes of Push-T: the side of the T from which the finger comes (Chi et al. 2023, Fig. 3)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.behaviour import Behaviour
from dpbench.spec import TaskSpec

from .geometry import GOAL_POSE, block_pose

State = tuple[float, float, float, float, float]
"""Agent x, y, block x, y (px), block angle (rad)."""

MODES = ("left", "right")
"""Side of the stem, seen from the bar: body x below and above 0."""
_BEHIND_PX, _BEFORE_PX = 90.0, 170.0
_AXIS = (-math.sin(GOAL_POSE[2]), math.cos(GOAL_POSE[2]))
"""The goal's own axis, from bar to stem; also a diagonal of the window."""
SYMMETRIC_START: State = (
    GOAL_POSE[0] + _BEFORE_PX * _AXIS[0],
    GOAL_POSE[1] + _BEFORE_PX * _AXIS[1],
    GOAL_POSE[0] - _BEHIND_PX * _AXIS[0],
    GOAL_POSE[1] - _BEHIND_PX * _AXIS[1],
    GOAL_POSE[2],
)
"""A mirror-symmetric state: the block must move 90 px along its stem, so the finger must go from the stem's end to
behind the bar, around either side. The idea is from Fig. 3 of the paper, whose state is not published."""
PLAN_PX = 15.0
"""A plan that stays closer to the axis than this shows no side."""
MOVED_PX = 2.0


def behaviour(task: TaskSpec) -> Behaviour:  # noqa: ARG001  # one for all observation modes
    """Plans, and chunks drawn into images."""
    return Behaviour(plan_of, chunk_pixels)


def side_of(state: State) -> int:
    """0 for left, 1 for right: the finger's position in the block's frame."""
    return int(_lateral(state[0], state[1], state[2:]) > 0)


def plan_of(
    agent_pos: NDArray[np.floating[Any]],
    environment_state: NDArray[np.floating[Any]] | None,
    chunk: NDArray[np.floating[Any]],
) -> tuple[str, str] | None:
    """The side on which a chunk of targets passes the block, from the symmetric start until the block moves.

    Args:
        agent_pos: `(2,)` px.
        environment_state: pose or keypoints of the block; None for images, which show no plan.
        chunk: `(n, 2)` px.
    """
    if environment_state is None:
        return None
    pose = block_pose(environment_state.astype(np.float64))
    if math.dist(pose[:2], SYMMETRIC_START[2:4]) > MOVED_PX:
        return None
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    along = -sin * (float(agent_pos[0]) - pose[0]) + cos * (float(agent_pos[1]) - pose[1])
    lateral = [_lateral(float(x), float(y), pose) for x, y in chunk]
    farthest = max(lateral, key=abs)
    if along < 0 or abs(farthest) < PLAN_PX:
        return None
    return "side", MODES[int(farthest > 0)]


def chunk_pixels(
    agent_pos: NDArray[np.floating[Any]],  # noqa: ARG001  # targets are positions already
    environment_state: NDArray[np.floating[Any]] | None,  # noqa: ARG001
    chunks: NDArray[np.floating[Any]],
    size_px: int,
) -> NDArray[np.float64]:
    """Targets `(N, n, 2)` in window px as columns and rows of an image."""
    return chunks.astype(np.float64) * size_px / 512.0


def _lateral(x: float, y: float, pose: tuple[float, float, float]) -> float:
    return math.cos(pose[2]) * (x - pose[0]) + math.sin(pose[2]) * (y - pose[1])
