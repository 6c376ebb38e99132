"""The simulated station: an arm that follows poses of its tool, a block that it pushes, and a painted target.

It has no clock; it moves when `tick` is called.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from dpbench.arms.driver import Vector

from .kinematics import MujocoKinematics
from .scene import (
    BLOCK_HALF_M,
    BLOCK_X_M,
    BLOCK_Y_M,
    DOWN,
    HOME_GUESS_RAD,
    HOME_M,
    JOINT_SPEED_RAD_S,
    MIN_HOME_M,
    MIN_PUSH_M,
    N_JOINTS,
    RATE_HZ,
    SUBSTEPS,
    TOLERANCE_M,
    model_xml,
)

HOME_ITERATIONS = 100

Pose = tuple[Vector, Vector]
"""Position `(3,)` m and unit quaternion `(4,)` x, y, z, w of the rod's tip."""


class Twin:
    """The physics; 125 ticks are one second of simulated time.

    Attributes:
        target: x, y of the target, m.
    """

    def __init__(self) -> None:
        self._model = mujoco.MjModel.from_xml_string(model_xml())
        self._data = mujoco.MjData(self._model)
        self._tip = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_SITE, "tip")
        self._block = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_BODY, "block")
        self._kinematics = MujocoKinematics(self._model, "tip")
        self._home = np.array(HOME_GUESS_RAD)
        home = np.array(HOME_M), np.array(DOWN)
        for _ in range(HOME_ITERATIONS):
            self._home = self._kinematics.nearer(self._home, *home)
        self.target = (0.0, 0.0)
        self.reset(np.random.default_rng(0))

    def reset(self, rng: np.random.Generator) -> None:
        """Put the arm at home, at rest, and draw new poses of block and target."""
        block = _place(rng)
        while math.dist(block, HOME_M[:2]) < MIN_HOME_M:
            block = _place(rng)
        self.target = _place(rng)
        while math.dist(block, self.target) < MIN_PUSH_M:
            self.target = _place(rng)
        yaw = rng.uniform(-math.pi, math.pi)
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:N_JOINTS] = self._data.ctrl[:] = self._home
        self._data.qpos[N_JOINTS:] = *block, BLOCK_HALF_M, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)
        mujoco.mj_forward(self._model, self._data)

    def tick(self, goal: Pose | None) -> None:
        """One tick of control, 8 ms.

        Args:
            goal: where the tip should go; None holds the joints at their last targets.
        """
        if goal is not None:
            targets = self._data.ctrl.copy()
            change = self._kinematics.nearer(targets, *goal) - targets
            most = JOINT_SPEED_RAD_S / RATE_HZ
            # All joints are slowed by the same factor, so that the tip stays on its line.
            self._data.ctrl[:] = targets + change * min(1.0, most / max(float(np.abs(change).max()), most))
        mujoco.mj_step(self._model, self._data, SUBSTEPS)

    @property
    def position(self) -> Vector:
        """Position of the rod's tip, `(3,)` m."""
        place: Vector = self._data.site_xpos[self._tip].copy()
        return place

    @property
    def quaternion(self) -> Vector:
        """Orientation of the rod, `(4,)` x, y, z, w."""
        turn = np.zeros(4)
        mujoco.mju_mat2Quat(turn, self._data.site_xmat[self._tip])
        return turn[[1, 2, 3, 0]]  # MuJoCo has w first

    @property
    def joints(self) -> Vector:
        """Joint angles, `(6,)` rad."""
        angles: Vector = self._data.qpos[:N_JOINTS].copy()
        return angles

    @property
    def block(self) -> tuple[float, float, float]:
        """X, y (m) and yaw (rad) of the block."""
        x, y, _ = self._data.xpos[self._block].tolist()
        matrix = self._data.xmat[self._block].tolist()
        return x, y, math.atan2(matrix[3], matrix[0])

    def succeeded(self) -> bool:
        """Whether the block's centre is within 4 cm of the target's."""
        return math.dist(self.block[:2], self.target) <= TOLERANCE_M


def _place(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(*BLOCK_X_M)), float(rng.uniform(*BLOCK_Y_M))
