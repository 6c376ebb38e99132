"""Where a hand should go in a control step: from the numbers of an action to a goal in the world."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dpbench.rotations import matrix_from_rotvec, matrix_from_sixd, rotvec_from_matrix

from .simulator import transform_utils  # isort: skip  # first: it says what to install
from .task import MAX_DELTA_M, MAX_TURN_RAD

Array = NDArray[np.float64]
Reach = Literal["displacement", "near goal", "any goal"]
"""Actions are displacements; or absolute goals, no farther than a displacement leads, or anywhere."""
MARGIN = 1e-6
"""m and rad, so that a displacement which was written as a goal in float32 passes unchanged."""
FARTHEST_M, FARTHEST_RAD = MAX_DELTA_M + MARGIN, math.sqrt(3) * MAX_TURN_RAD + MARGIN


def goal(command: Array, reach: Reach, hand: Array, hand_turn: Array) -> tuple[Array, Array]:
    """The goal of one arm.

    Args:
        command: its numbers of the action, within their bounds, `(7,)` or `(10,)`.
        reach: what they are.
        hand: where the point between the fingers is now, `(3,)` m.
        hand_turn: its orientation, `(3, 3)`.

    Returns:
        Position `(3,)` m and orientation `(3, 3)`.
    """
    if reach == "displacement":
        # robosuite's own functions, which round to float32.
        turn = transform_utils.quat2mat(transform_utils.axisangle2quat(command[3:6]))
        return command[:3] + hand, np.dot(turn, hand_turn)
    try:
        wanted = matrix_from_sixd(command[3:9])
    except ValueError:
        wanted = hand_turn.copy()
    return near(command[:3], wanted, hand, hand_turn) if reach == "near goal" else (command[:3], wanted)


def near(place: Array, turn: Array, hand: Array, hand_turn: Array) -> tuple[Array, Array]:
    """A goal no farther from the hand than the largest displacement leads, towards the one that is asked for."""
    place = np.clip(place, hand - FARTHEST_M, hand + FARTHEST_M)
    rotvec = rotvec_from_matrix(turn @ hand_turn.T)
    angle = float(np.linalg.norm(rotvec))
    if angle > FARTHEST_RAD:
        turn = matrix_from_rotvec(rotvec * (FARTHEST_RAD / angle)) @ hand_turn
    return place, turn
