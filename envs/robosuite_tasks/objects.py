"""Object poses and success: robosuite's observables and rules, computed from MuJoCo's arrays.

Lift, Can and Square have functions here, because robosuite's Python takes up to a sixth of a control step; tests
compare them with robosuite. The other tasks use robosuite's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .reference import Reference

Vector = NDArray[np.float64]
Reader = Callable[[mujoco.MjData, Vector], tuple[Vector, bool]]
"""`(data, agent_pos) -> (environment_state, solved)`."""
LIFT_HEIGHT_M = 0.04
"""Lift is solved when the cube's centre is this far above the table."""
BIN_HEIGHT_M, AWAY_M = 0.1, float(np.arctanh(0.4)) / 10
"""Can, Square: the hand must be this far from the object's middle (robosuite: r_reach < 0.6)."""
PEG_RADIUS_M, PEG_HEIGHT_M = 0.03, 0.05


def reader(reference: Reference, env: Any, model: mujoco.MjModel) -> Reader:
    """The reader of a scene; `env` is robosuite's environment."""
    name = reference.scene.environment
    if name == "Lift":
        return _lift(int(model.body("cube_main").id), float(env.model.mujoco_arena.table_offset[2]))
    if name == "PickPlaceCan":
        low = np.array(env.bin2_pos)  # the can's bin is the far right quarter of the second bin
        size = np.array([env.bin_size[0] / 2, env.bin_size[1] / 2, BIN_HEIGHT_M])
        return _can(int(model.body("Can_main").id), low, low + size)
    if name == "NutAssemblySquare":
        nut, peg = int(model.body("SquareNut_main").id), int(model.body("peg1").id)
        return _square(nut, peg, float(env.table_offset[2]) + PEG_HEIGHT_M)
    return reference.read


def _lift(cube: int, table_z: float) -> Reader:
    def read(data: mujoco.MjData, hands: Vector) -> tuple[Vector, bool]:
        place = data.xpos[cube]
        return np.concatenate((place, data.xquat[cube, [1, 2, 3, 0]], place - hands[:3])), bool(
            place[2] > table_z + LIFT_HEIGHT_M
        )

    return read


def _can(can: int, low: Vector, high: Vector) -> Reader:
    def read(data: mujoco.MjData, hands: Vector) -> tuple[Vector, bool]:
        place = data.xpos[can]
        objects = _seen_from_hand(hands, place, data.xquat[can])
        solved = bool((place > low).all() and (place < high).all()) and _away(hands, place)
        return objects, solved

    return read


def _square(nut: int, peg: int, highest: float) -> Reader:
    def read(data: mujoco.MjData, hands: Vector) -> tuple[Vector, bool]:
        place = data.xpos[nut]
        off = np.abs(place - data.xpos[peg])
        on_peg = bool(off[0] < PEG_RADIUS_M and off[1] < PEG_RADIUS_M and place[2] < highest)
        return _seen_from_hand(hands, place, data.xquat[nut]), on_peg and _away(hands, place)

    return read


def _away(hands: Vector, place: Vector) -> bool:
    return float(np.linalg.norm(hands[:3] - place)) > AWAY_M


@njit(cache=True)
def _seen_from_hand(hands: Any, place: Any, quat: Any) -> Any:
    """Pose in the hand's frame (7) and in the world (7); `quat` is w, x, y, z, the result x, y, z, w."""
    result = np.empty(14)
    x, y, z, w = -hands[3], -hands[4], -hands[5], hands[6]  # the hand's inverse rotation
    away = place - hands[:3]
    # v + 2 q x (q x v + w v)
    cx = y * away[2] - z * away[1] + w * away[0]
    cy = z * away[0] - x * away[2] + w * away[1]
    cz = x * away[1] - y * away[0] + w * away[2]
    result[0] = away[0] + 2 * (y * cz - z * cy)
    result[1] = away[1] + 2 * (z * cx - x * cz)
    result[2] = away[2] + 2 * (x * cy - y * cx)
    ow, ox, oy, oz = quat
    result[3] = w * ox + x * ow + y * oz - z * oy
    result[4] = w * oy - x * oz + y * ow + z * ox
    result[5] = w * oz + x * oy - y * ox + z * ow
    result[6] = w * ow - x * ox - y * oy - z * oz
    if result[6] < 0:
        result[3:7] = -result[3:7]
    result[7:10] = place
    result[10], result[11], result[12], result[13] = ox, oy, oz, ow
    return result
