"""A scripted demonstrator that pushes the block into the target, on the digital twin.

It passes over the block to a place behind it, moves down, and pushes along the line to the target. When it leaves that
line, it starts again. Its command depends on the present observation only, so that it corrects its own errors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.rotations import matrix_from_quat, matrix_from_sixd, rotvec_from_matrix, sixd_from_matrix
from dpbench.spec import ActionSpec, Horizon, TaskSpec

from .scene import DOWN, PUSH_HEIGHT_M
from .task import RATE_HZ

Vector = NDArray[np.float64]
STEP_M = 0.03
"""Maximum distance of a commanded pose from the tool, which then moves at about 0.17 m/s."""
STRIDE_M = 0.017
"""Maximum motion of a velocity command in one period: also 0.17 m/s, so that both kinds of demonstrations are alike."""
OVER_M = 0.11
"""Height at which the rod passes over the block."""
BEHIND_M, NEAR_M, ASIDE_M = 0.075, 0.012, 0.012
"""Distance from the block's centre to where a push starts, the tolerance there, and the tolerance across the line."""
NOISE_M = 0.002
UPRIGHT = matrix_from_quat(np.array(DOWN))
GAIN = 0.3
"""Fraction of the remaining distance that a velocity command covers in one period. Goals run ahead of the tool, so
that a higher gain oscillates."""


class PushDemonstrator:
    """One command per step.

    Args:
        action: of the task.
    """

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, action: ActionSpec) -> None:
        self._command = _velocity if action.kind == "velocity" else _pose

    def reset(self) -> None:
        """There is no state to reset."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, ...)` -> `(B, 1, Da)`."""
        rows = []
        for row, rng in enumerate(noise.generators):
            agent = observations["agent_pos"][row, -1].astype(np.float64)
            offset = next_position(agent[:3], observations["environment_state"][row, -1].astype(np.float64)) - agent[:3]
            rows.append(self._command(agent, offset, np.append(rng.normal(0.0, NOISE_M, 2), 0.0)))
        actions: NDArray[np.float32] = np.stack(rows)[:, None].astype(np.float32)
        return actions


def _pose(agent: Vector, offset: Vector, noise: Vector) -> Vector:
    """Position action `(10,)`."""
    return np.concatenate([agent[:3] + _limited(offset, STEP_M) + noise, sixd_from_matrix(UPRIGHT), [0.0]])


def _velocity(agent: Vector, offset: Vector, noise: Vector) -> Vector:
    """Velocity action `(7,)`."""
    turn = rotvec_from_matrix(UPRIGHT @ matrix_from_sixd(agent[3:9]).T)
    return np.concatenate([(_limited(GAIN * offset, STRIDE_M) + noise) * RATE_HZ, GAIN * turn * RATE_HZ, [0.0]])


def _limited(offset: Vector, maximum: float) -> Vector:
    return offset * min(1.0, maximum / max(float(np.linalg.norm(offset)), 1e-9))


def next_position(tool: Vector, poses: Vector) -> Vector:
    """Position to which the tool should go next, `(3,)` m."""
    block, target = poses[:2], poses[3:5]
    ahead = (target - block) / max(float(np.linalg.norm(target - block)), 1e-9)
    away = tool[:2] - block
    along = float(away @ ahead)
    aside = float(np.linalg.norm(away - along * ahead))
    behind = block - BEHIND_M * ahead
    low = tool[2] < PUSH_HEIGHT_M + 0.01
    if low and along < 0.0 and aside < ASIDE_M:
        return np.array([*(target + 0.02 * ahead), PUSH_HEIGHT_M])
    if np.linalg.norm(tool[:2] - behind) < NEAR_M:
        return np.array([*behind, PUSH_HEIGHT_M])
    if tool[2] < OVER_M - 0.02:
        return np.array([*tool[:2], OVER_M])
    return np.array([*behind, OVER_M])


def scripted(task: TaskSpec) -> ScriptedDemonstrator:  # noqa: ARG001  # position and velocity alike
    """The demonstrator of the tasks whose observations hold poses."""
    return ScriptedDemonstrator(demonstrator)


def demonstrator(task: TaskSpec) -> PushDemonstrator:
    """The policy for one of these tasks."""
    return PushDemonstrator(task.action)
