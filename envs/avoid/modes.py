"""Which of the 24 ways a path took."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .scene import OBSTACLES_X_M, ROWS_Y_M


def way(agent_pos: NDArray[np.floating]) -> str | None:
    """The way of a path, or None when it did not pass all three rows.

    Args:
        agent_pos: finger x, y in m, `(T, 2)`.

    Returns:
        Number of the gap in each row, from the left: `"000"` to `"123"`.
    """
    gaps = []
    for row_y, obstacles in zip(ROWS_Y_M, OBSTACLES_X_M, strict=True):
        beyond = np.flatnonzero(agent_pos[:, 1] >= row_y)
        if len(beyond) == 0 or beyond[0] == 0:
            return None
        before, after = agent_pos[beyond[0] - 1], agent_pos[beyond[0]]
        share = (row_y - before[1]) / (after[1] - before[1])
        gaps.append(int(np.searchsorted(obstacles, before[0] + share * (after[0] - before[0]))))
    return "".join(map(str, gaps))
