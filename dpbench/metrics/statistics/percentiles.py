"""The percentiles in which latencies are reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PERCENTILES = (50, 95, 99)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """`{"p50": ..., "p95": ..., "p99": ...}` of the values; zeros if there are none."""
    found = np.percentile(values or [0.0], PERCENTILES).tolist()
    return {f"p{percent}": value for percent, value in zip(PERCENTILES, found, strict=True)}
