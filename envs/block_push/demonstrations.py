"""The published order of the observation, and public archives as arrays of the episode store.

Two archives can be read: BeT's `multimodal_push_{observations,actions,masks}.npy` (notmahi/bet, 3d9d423) and Diffusion
Policy's `multimodal_push_seed.zarr` (real-stanford/diffusion_policy, 5ba07ac,
`diffusion_policy/scripts/generate_bet_blockpush.py`). Both hold `obs` (T, 16) and `action` (T, 2), displacements in m.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.public import PublicDemonstrations
from dpbench.spec import TaskSpec

EFFECTOR = slice(6, 8)
"""Indices of the effector's x, y in the published order of 16."""
TARGET = slice(8, 10)
YAWS = (2, 5, 12, 15)


def public(task: TaskSpec) -> PublicDemonstrations:
    """Archives that `dpbench data import` reads; none can be fetched by name."""
    return PublicDemonstrations(delta_arrays if task.action.kind == "delta" else position_arrays)


def published_order(agent_pos: NDArray[Any], environment_state: NDArray[Any]) -> NDArray[Any]:
    """`(..., 2)` and `(..., 14)` to the published `(..., 16)`.

    Source: the observation of `diffusion_policy/env/block_pushing/block_pushing_multimodal.py`.
    """
    before, after = environment_state[..., : EFFECTOR.start], environment_state[..., EFFECTOR.start :]
    return np.concatenate([before, agent_pos, after], axis=-1)


def delta_arrays(archive: Mapping[str, NDArray[Any]], *_about: object) -> dict[str, NDArray[Any]]:
    """Some steps of an archive as steps of the store, with displacements (m) as actions.

    Args:
        archive: `obs` (T, 16), yaws of any value (BeT does not wrap them, Diffusion Policy wraps to [0, pi)), and
            `action` (T, 2) m.

    Returns:
        `agent_pos` (T, 2), `environment_state` (T, 14) and `action` (T, 2) float32.
    """
    published = archive["obs"].astype(np.float64)
    published[:, YAWS] %= math.pi
    return {
        "agent_pos": published[:, EFFECTOR].astype(np.float32),
        "environment_state": np.delete(published, EFFECTOR, axis=1).astype(np.float32),
        "action": archive["action"].astype(np.float32),
    }


def position_arrays(archive: Mapping[str, NDArray[Any]], *_about: object) -> dict[str, NDArray[Any]]:
    """As `delta_arrays`, with the effector's next target as action: target + displacement.

    Source: `diffusion_policy/scripts/blockpush_abs_conversion.py`.
    """
    arrays = delta_arrays(archive)
    return {**arrays, "action": (archive["obs"][:, TARGET] + archive["action"]).astype(np.float32)}
