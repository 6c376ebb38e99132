"""Execution latency: how much later than commanded an arm is at a place.

It is estimated as the time shift at which the commanded path fits the measured one best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_LATENCY_S, RESOLUTION_S = 0.6, 0.005
MIN_MOTION_M = 0.01
"""With less motion than this every shift fits."""


class ExecutionLatencyMeter:
    """Collects samples of the commanded and the measured path, some thirty times a second."""

    def __init__(self) -> None:
        self._commanded: list[tuple[float, NDArray[np.float64]]] = []
        self._measured: list[tuple[float, NDArray[np.float64]]] = []

    def add(
        self, now_s: float, commanded: NDArray[np.float64], measured_s: float, measured: NDArray[np.float64]
    ) -> None:
        """Add a sample of each path.

        Args:
            now_s: the time.
            commanded: where the tool is commanded to be now, `(3,)` m.
            measured_s: time of the newest measured state.
            measured: where the tool was then, `(3,)` m.
        """
        self._commanded.append((now_s, commanded))
        if not self._measured or measured_s > self._measured[-1][0]:
            self._measured.append((measured_s, measured))

    def latency_s(self) -> float | None:
        """The latency, s; None if the arm has moved too little to tell."""
        if len(self._commanded) < 2 or len(self._measured) < 2:
            return None
        commanded_s, measured_s = (
            np.array([time_s for time_s, _ in path]) for path in (self._commanded, self._measured)
        )
        commanded, measured = (np.stack([place for _, place in path]) for path in (self._commanded, self._measured))
        if float(np.ptp(commanded, axis=0).max()) < MIN_MOTION_M:
            return None
        shifts = np.arange(0.0, MAX_LATENCY_S + RESOLUTION_S, RESOLUTION_S)
        errors = [_mean_square_m2(commanded_s + shift, commanded, measured_s, measured) for shift in shifts]
        return float(shifts[int(np.argmin(errors))])


def _mean_square_m2(
    first_s: NDArray[np.float64], first: NDArray[np.float64], second_s: NDArray[np.float64], second: NDArray[np.float64]
) -> float:
    """Mean square distance between two paths, at the times of the second that the first one covers."""
    common = second_s[(second_s >= first_s[0]) & (second_s <= first_s[-1])]
    if not len(common):
        return np.inf
    pairs = zip(first.T, second.T, strict=True)
    away = [np.interp(common, first_s, one) - np.interp(common, second_s, other) for one, other in pairs]
    return float(np.mean(np.sum(np.square(away), axis=0)))
