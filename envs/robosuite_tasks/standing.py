"""The pose target that keeps the hand where it is, with the fingers as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.protocol import Observations
from dpbench.policies.real_time import Standing
from dpbench.rotations import matrix_from_quat, sixd_from_matrix
from dpbench.spec import TaskSpec

from .demonstrator import HAND_TO_SITE

OF_ARM = 9
"""Numbers of `agent_pos` for each arm: position, quaternion, two fingers."""
FINGERS_STAY = 0.0
"""Between -1 (open) and 1 (close)."""


def standing(_: TaskSpec) -> Standing:
    """For tasks with absolute targets, of one arm or two."""
    return Standing(_targets)


def _targets(observations: Observations) -> NDArray[np.float32]:
    """`agent_pos` `(B, 9 A)` to actions `(B, 10 A)`."""
    hands = observations["agent_pos"].astype(np.float64)
    return np.stack([np.concatenate([_target(hand) for hand in row]) for row in hands.reshape(len(hands), -1, OF_ARM)])


def _target(hand: NDArray[np.float64]) -> NDArray[np.float32]:
    turn = sixd_from_matrix(matrix_from_quat(hand[3:7]) @ HAND_TO_SITE)
    return np.concatenate([hand[:3], turn, [FINGERS_STAY]]).astype(np.float32)
