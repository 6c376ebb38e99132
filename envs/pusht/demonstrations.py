"""From the arrays of the public Push-T archive to those of the episode store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def store_arrays(archive: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A block of steps of the archive as a block of the store.

    Args:
        archive: `action` (T, 2) px, `state` (T, 5): agent x, y, block x, y (px), angle (rad); `keypoint` (T, 9, 2) px;
            `img` (T, 96, 96, 3) float32 holding whole numbers 0 to 255.

    Returns:
        `action` (T, 2), `agent_pos` (T, 2), `block_pose` (T, 3), `keypoints` (T, 18) float32 and `pixels.top`
        (T, 96, 96, 3) uint8.
    """
    state = archive["state"]
    return {
        "action": archive["action"].astype(np.float32),
        "agent_pos": state[:, :2].astype(np.float32),
        "block_pose": state[:, 2:].astype(np.float32),
        "keypoints": archive["keypoint"].reshape(len(state), -1).astype(np.float32),
        "pixels.top": archive["img"].astype(np.uint8),
    }
