"""A waypoint for tests of drivers."""

from __future__ import annotations

import numpy as np

from dpbench.arms.driver import Waypoint

QUATERNION = np.array([0.5, -0.5, 0.5, 0.5])


def to(x: float, gripper_m: float = 0.04) -> Waypoint:
    return Waypoint(0.0, np.array([x, -0.1, 0.3]), QUATERNION, gripper_m)
