"""A scripted operator that pushes the block into the target, on the twin.

It goes over the block to a place behind it, comes down, and pushes along the line to the target until it is off that
line; what it does is a function of what it sees, so that it puts itself right.
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
"""Largest way of one command. Poses so far ahead of the tool are followed at some 0.17 m/s."""
STRIDE_M = 0.017
"""Largest way of one velocity over a period: 0.17 m/s too, so that both kinds of demonstrations are alike."""
OVER_M = 0.11
"""Height at which the rod passes over the block."""
BEHIND_M, NEAR_M, ASIDE_M = 0.075, 0.012, 0.012
"""From the block's centre to where a stroke begins, how near that must be met, and how far off the line it may be."""
NOISE_M = 0.002
UPRIGHT = matrix_from_quat(np.array(DOWN))
HURRY = 0.3
"""Share of the way that a velocity goes in a period: goals run ahead of the tool, more would swing around the place."""


class PushDemonstrator:
    """One command a step.

    Args:
        action: of the task.
    """

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, action: ActionSpec) -> None:
        self._command = _velocity if action.kind == "velocity" else _pose

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, ...)` -> `(B, 1, Da)`."""
        rows = []
        for row, rng in enumerate(noise.generators):
            agent = observations["agent_pos"][row, -1].astype(np.float64)
            way = where_to(agent[:3], observations["environment_state"][row, -1].astype(np.float64)) - agent[:3]
            rows.append(self._command(agent, way, np.append(rng.normal(0.0, NOISE_M, 2), 0.0)))
        actions: NDArray[np.float32] = np.stack(rows)[:, None].astype(np.float32)
        return actions


def _pose(agent: Vector, way: Vector, noise: Vector) -> Vector:
    """Position action `(10,)`."""
    return np.concatenate([agent[:3] + _shortened(way, STEP_M) + noise, sixd_from_matrix(UPRIGHT), [0.0]])


def _velocity(agent: Vector, way: Vector, noise: Vector) -> Vector:
    """Velocity action `(7,)`."""
    turn = rotvec_from_matrix(UPRIGHT @ matrix_from_sixd(agent[3:9]).T)
    return np.concatenate([(_shortened(HURRY * way, STRIDE_M) + noise) * RATE_HZ, HURRY * turn * RATE_HZ, [0.0]])


def _shortened(way: Vector, longest: float) -> Vector:
    return way * min(1.0, longest / max(float(np.linalg.norm(way)), 1e-9))


def where_to(tool: Vector, poses: Vector) -> Vector:
    """Where the tool should go next, `(3,)` m."""
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
    """The part of the tasks that show poses."""
    return ScriptedDemonstrator(demonstrator)


def demonstrator(task: TaskSpec) -> PushDemonstrator:
    """The operator for the tasks of this folder that show poses."""
    return PushDemonstrator(task.action)
