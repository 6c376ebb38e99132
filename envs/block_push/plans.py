"""The plan that a chunk of actions shows, and where it leads in an image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.behaviour import Behaviour
from dpbench.spec import TaskSpec

from .drawing import to_pixels
from .task import TOLERANCE_M

NEAR_M = 0.04
"""A chunk heads for the block at which it ends; farther away, it may only pass by."""


def behaviour(task: TaskSpec) -> Behaviour:
    """Plans, and chunks drawn into images, for the task's kind of action."""
    if task.action.kind == "delta":
        return Behaviour(delta_plan_of, delta_chunk_pixels)
    return Behaviour(position_plan_of, position_chunk_pixels)


def delta_plan_of(
    agent_pos: NDArray[np.floating[Any]],
    environment_state: NDArray[np.floating[Any]] | None,
    chunk: NDArray[np.floating[Any]],
) -> tuple[str, str] | None:
    """The block at which displacements `(n, 2)` end; None once a block is in a target."""
    if environment_state is None:
        return None
    return position_plan_of(agent_pos, environment_state, environment_state[6:8] + np.cumsum(chunk, axis=0))


def position_plan_of(
    agent_pos: NDArray[np.floating[Any]],  # noqa: ARG001  # where the chunk ends is enough
    environment_state: NDArray[np.floating[Any]] | None,
    chunk: NDArray[np.floating[Any]],
) -> tuple[str, str] | None:
    """The same for targets `(n, 2)` m."""
    if environment_state is None:
        return None
    state = environment_state.astype(np.float64)
    blocks, targets = (state[0:2], state[3:5]), (state[8:10], state[11:13])
    if any(math.dist(block, target) < TOLERANCE_M for block in blocks for target in targets):
        return None
    first, second = (math.dist(chunk[-1], block) for block in blocks)
    if min(first, second) > NEAR_M:
        return None
    return "first", "block" if first < second else "block2"


def delta_chunk_pixels(
    agent_pos: NDArray[np.floating[Any]],
    environment_state: NDArray[np.floating[Any]] | None,
    chunks: NDArray[np.floating[Any]],
    size_px: int,
) -> NDArray[np.float64]:
    """Displacements `(N, n, 2)` m from the last target (from the effector if it is not observed), as pixels."""
    start = agent_pos if environment_state is None else environment_state[6:8]
    return to_pixels(start.astype(np.float64) + np.cumsum(chunks, axis=1), size_px)


def position_chunk_pixels(
    agent_pos: NDArray[np.floating[Any]],  # noqa: ARG001  # targets are positions already
    environment_state: NDArray[np.floating[Any]] | None,  # noqa: ARG001
    chunks: NDArray[np.floating[Any]],
    size_px: int,
) -> NDArray[np.float64]:
    """Targets `(N, n, 2)` m as columns and rows of an image."""
    return to_pixels(chunks.astype(np.float64), size_px)
