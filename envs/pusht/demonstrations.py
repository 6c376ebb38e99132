"""The published demonstrations of Push-T, and how their arrays become those of the episode store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.public import DatasetSpec, PublicDemonstrations
from dpbench.errors import DataError
from dpbench.spec import TaskSpec

DATASET = DatasetSpec(
    name="pusht",
    format="diffusion-policy-zarr",
    url="https://diffusion-policy.cs.columbia.edu/data/training/pusht.zip",
    size_bytes=31_154_775,
    sha256="3099c4b90b4b79aa325a6b0af0994e01a5621c8f7e03461a1378348848cc6e41",
    array_sha256={
        "data/action": "6691b085749144b8db1aede97a80fb380afd08953fcd03660b441d0ffe9d6a8f",
        "data/state": "dcdc539bfdba9fc01cba8d2fe91cc580539ec046a88b0ffbe91be5511948d4dc",
        "data/keypoint": "2419980734c1d41050f8fbf7513031e6e784168bafbe42bcec81fdebe44c6611",
        "data/img": "3f7650895d1a500d7162b10475df689731f4fece2b15eaf7d913a560c2a0783d",
        "meta/episode_ends": "82db02e667c59a83fedb211ab9b84182591b75009df1385210d5235197f93d72",
    },
    n_episodes=206,
    n_steps=25_650,
    source="206 human demonstrations by mouse, Chi et al. 2023",
)


def public(task: TaskSpec) -> PublicDemonstrations:  # noqa: ARG001  # one archive for all observation modes
    """The 206 demonstrations of Chi et al. 2023."""
    return PublicDemonstrations(store_arrays, DATASET)


def store_arrays(archive: Mapping[str, NDArray[Any]], *_about: object) -> dict[str, NDArray[Any]]:
    """Some steps of the archive as steps of the store.

    Args:
        archive: `action` (T, 2) px, `state` (T, 5): agent x, y, block x, y (px), angle (rad); `keypoint` (T, 9, 2) px;
            `img` (T, 96, 96, 3) float32 holding whole numbers 0 to 255.

    Returns:
        `action` (T, 2), `agent_pos` (T, 2), `block_pose` (T, 3), `keypoints` (T, 18) float32 and `pixels.top`
        (T, 96, 96, 3) uint8.

    Raises:
        DataError: for pixels outside 0 to 255.
    """
    state, pixels = archive["state"], archive["img"]
    if pixels.size and (pixels.min() < 0 or pixels.max() > 255):
        raise DataError(f"img reaches from {pixels.min():g} to {pixels.max():g}, expected 0 to 255; it is other data.")
    return {
        "action": archive["action"].astype(np.float32),
        "agent_pos": state[:, :2].astype(np.float32),
        "block_pose": state[:, 2:].astype(np.float32),
        "keypoints": archive["keypoint"].reshape(len(state), -1).astype(np.float32),
        "pixels.top": pixels.astype(np.uint8),
    }
