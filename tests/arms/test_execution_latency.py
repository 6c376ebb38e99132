"""The execution latency of an arm is found from its commanded and its measured path."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.arms.execution_latency import ExecutionLatencyMeter


@pytest.mark.parametrize("lag_s", [0.0, 0.06, 0.25])
def test_the_latency_between_two_paths_is_found(lag_s: float) -> None:
    def place(time_s: float) -> NDArray[np.float64]:
        return np.array([0.05 * np.sin(2.0 * time_s), 0.0, 0.0])

    meter = ExecutionLatencyMeter()
    assert meter.latency_s() is None
    for now in np.arange(0.0, 4.0, 0.03).tolist():
        state_s = now - 0.01
        meter.add(now, place(now), state_s, place(state_s - lag_s))
    assert meter.latency_s() == pytest.approx(lag_s, abs=0.006)


def test_an_arm_at_rest_has_no_measurable_latency() -> None:
    meter = ExecutionLatencyMeter()
    for now in np.arange(0.0, 1.0, 0.03).tolist():
        meter.add(now, np.zeros(3), now, np.zeros(3))
    assert meter.latency_s() is None
