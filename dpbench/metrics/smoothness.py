"""How smoothly the agent moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rms_jerk(positions: NDArray[Any], rate_hz: float) -> float:
    """Root mean square of the third derivative of the path, in units of `positions` / s^3; lower is smoother.

    Source: the quantity that smooth reaching minimises, Flash & Hogan 1985; third differences of the recorded
    positions. 0 for fewer than four positions.

    Args:
        positions: `(T, D)`.
        rate_hz: of the recording.
    """
    if len(positions) < 4:
        return 0.0
    jerk = np.diff(positions.astype(np.float64), n=3, axis=0) * rate_hz**3  # (T - 3, D)
    return float(np.sqrt(np.mean(np.sum(jerk**2, axis=1))))
