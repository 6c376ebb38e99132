"""How long an arm takes to be where it was meant to be: the shift in time between the planned and the measured path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LONGEST_S, STEP_S = 0.6, 0.005
LEAST_M = 0.01
"""Of way; where the arm hardly moves every shift fits."""


class ExecutionLatencyMeter:
    """Samples of both paths, taken side by side some thirty times a second."""

    def __init__(self) -> None:
        self._planned: list[tuple[float, NDArray[np.float64]]] = []
        self._measured: list[tuple[float, NDArray[np.float64]]] = []

    def add(self, now_s: float, planned: NDArray[np.float64], measured_s: float, measured: NDArray[np.float64]) -> None:
        """Take a sample of each: where the tool is meant to be now, and where it was at `measured_s`, `(3,)` m."""
        self._planned.append((now_s, planned))
        if not self._measured or measured_s > self._measured[-1][0]:
            self._measured.append((measured_s, measured))

    def execution_s(self) -> float | None:
        """The lag, s; None where the arm has moved too little to tell."""
        if len(self._planned) < 2 or len(self._measured) < 2:
            return None
        planned_s, measured_s = (np.array([time_s for time_s, _ in path]) for path in (self._planned, self._measured))
        planned, measured = (np.stack([place for _, place in path]) for path in (self._planned, self._measured))
        if float(np.ptp(planned, axis=0).max()) < LEAST_M:
            return None
        shifts = np.arange(0.0, LONGEST_S + STEP_S, STEP_S)
        errors = [_distance(planned_s + shift, planned, measured_s, measured) for shift in shifts]
        return float(shifts[int(np.argmin(errors))])


def _distance(
    first_s: NDArray[np.float64], first: NDArray[np.float64], second_s: NDArray[np.float64], second: NDArray[np.float64]
) -> float:
    """Mean square distance (m^2) of a path to another at the times that both have."""
    common = second_s[(second_s >= first_s[0]) & (second_s <= first_s[-1])]
    if not len(common):
        return np.inf
    pairs = zip(first.T, second.T, strict=True)
    away = [np.interp(common, first_s, one) - np.interp(common, second_s, other) for one, other in pairs]
    return float(np.mean(np.sum(np.square(away), axis=0)))
