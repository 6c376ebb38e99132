"""Many times as three numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99; zeros without values."""
    p50, p95, p99 = np.percentile(values or [0.0], (50, 95, 99)).tolist()
    return {"p50": p50, "p95": p95, "p99": p99}
