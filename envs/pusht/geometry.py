"""The T's shape, its coverage of the goal, and its keypoints, all in px.

Source: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/env/pusht/pusht_env.py`, with scale 30 and length 4.
The body's origin is the middle of the bar's top edge; its y axis points down the stem.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BAR = ((-60.0, 30.0), (60.0, 30.0), (60.0, 0.0), (-60.0, 0.0))
STEM = ((-15.0, 30.0), (-15.0, 120.0), (15.0, 120.0), (15.0, 30.0))
OUTLINE = (
    (-60.0, 0.0),
    (60.0, 0.0),
    (60.0, 30.0),
    (15.0, 30.0),
    (15.0, 120.0),
    (-15.0, 120.0),
    (-15.0, 30.0),
    (-60.0, 30.0),
)
"""Bar and stem as one polygon."""
AREA = 6300.0
GOAL_POSE = (256.0, 256.0, math.pi / 4)

KEYPOINTS = np.array(
    [
        [9.26979, 90.04097],
        [-60.98347, -1.18673],
        [60.91276, -1.39336],
        [-0.2705, 25.54363],
        [-14.06493, 122.81585],
        [39.00274, 32.8574],
        [-39.96641, 32.72966],
        [-16.82434, 62.86318],
        [23.54146, -1.70029],
    ]
)
"""Nine points of the block in its body frame, in the order of the released data.

In the published environment they come from farthest-point sampling and random jitter. These are medians over the 25,650
steps of the data set, of its keypoints in the recorded body frame (median residual 2e-4 px)."""

_BOXES = ((-60.0, 60.0, 0.0, 30.0), (-15.0, 15.0, 30.0, 120.0))
"""Bar and stem of the goal in its own frame: x from, to, y from, to."""
_REACH = 2 * math.hypot(15.0, 120.0)
"""Two Ts whose origins are farther apart cannot touch."""


def coverage(x: float, y: float, angle: float) -> float:
    """Share of the goal's area that the block covers, 0 to 1.

    In the goal's frame, bar and stem are axis-aligned boxes. The block's area inside a box is the sum, over the edges
    of its outline, of the integral of the edge's height, clamped to the box.

    Args:
        x: of the block's origin, px.
        y: of the block's origin, px.
        angle: of the block, rad.
    """
    goal_x, goal_y, goal_angle = GOAL_POSE
    if math.hypot(x - goal_x, y - goal_y) > _REACH:
        return 0.0
    cos_goal, sin_goal = math.cos(goal_angle), math.sin(goal_angle)
    origin_x = cos_goal * (x - goal_x) + sin_goal * (y - goal_y)
    origin_y = -sin_goal * (x - goal_x) + cos_goal * (y - goal_y)
    cos, sin = math.cos(angle - goal_angle), math.sin(angle - goal_angle)
    corners = [(origin_x + cos * u - sin * v, origin_y + sin * u + cos * v) for u, v in OUTLINE]
    area = 0.0
    start_x, start_y = corners[-1]
    for end_x, end_y in corners:
        for left, right, low, high in _BOXES:
            area += _under_edge(start_x, start_y, end_x, end_y, left, right, low, high)
        start_x, start_y = end_x, end_y
    return abs(area) / AREA


def _under_edge(
    start_x: float, start_y: float, end_x: float, end_y: float, left: float, right: float, low: float, high: float
) -> float:
    """Signed integral over x in [left, right] of the edge's height, clamped to [low, high], above `low`."""
    if start_x > end_x:
        return -_under_edge(end_x, end_y, start_x, start_y, left, right, low, high)
    begin, end = (start_x if start_x > left else left), (end_x if end_x < right else right)
    if begin >= end:
        return 0.0
    if start_y <= low and end_y <= low:
        return 0.0
    if start_y >= high and end_y >= high:
        return (end - begin) * (high - low)
    slope = (end_y - start_y) / (end_x - start_x)
    first, last = start_y + slope * (begin - start_x), start_y + slope * (end - start_x)
    lower, upper = (first, last) if first < last else (last, first)
    if lower >= low and upper <= high:
        return (end - begin) * ((first + last) / 2 - low)
    if upper <= low:
        return 0.0
    if lower >= high:
        return (end - begin) * (high - low)
    # Here the slope is not 0: the edge leaves the box between begin and end.
    steepness = abs(slope)
    at_high = (upper - high) / steepness if upper > high else 0.0
    bottom, top = (lower if lower > low else low), (upper if upper < high else high)
    return at_high * (high - low) + (top - bottom) / steepness * ((bottom + top) / 2 - low)


def keypoints(x: float, y: float, angle: float) -> NDArray[np.float64]:
    """The nine keypoints at a pose, `(18,)`: x0, y0, x1, y1, ... px."""
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    points: NDArray[np.float64] = KEYPOINTS @ rotation + (x, y)  # (9, 2)
    return points.ravel()


def corners(x: float, y: float, angle: float, part: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """`BAR` or `STEM` at a pose, px."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x + cos * u - sin * v, y + sin * u + cos * v) for u, v in part]


def block_pose(environment_state: NDArray[np.float64]) -> tuple[float, float, float]:
    """The block's x, y (px) and angle (rad), from its pose or its nine keypoints (a rigid least-squares fit)."""
    if len(environment_state) == 3:
        x, y, angle = environment_state.tolist()
        return x, y, angle
    points = environment_state.reshape(-1, 2)
    body, seen = KEYPOINTS - KEYPOINTS.mean(axis=0), points - points.mean(axis=0)
    angle = math.atan2((body[:, 0] * seen[:, 1] - body[:, 1] * seen[:, 0]).sum(), (body * seen).sum())
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = points.mean(axis=0) - np.array([[cos, -sin], [sin, cos]]) @ KEYPOINTS.mean(axis=0)
    return float(x), float(y), angle
