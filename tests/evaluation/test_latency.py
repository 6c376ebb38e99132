"""Inference latency is that of single calls."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.evaluation.latency import measure
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon


class Sleeper:
    horizon = Horizon(2, 4, 2)

    def reset(self) -> None:
        pass

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        assert observations["agent_pos"].shape == (len(noise), 2, 2) == (1, 2, 2)
        time.sleep(0.002)
        return np.zeros((1, 2, 2), np.float32)


def test_latency_is_that_of_one_environment_a_call_and_a_control_step() -> None:
    latency = measure(Sleeper(), {"agent_pos": np.zeros((4, 2, 2))}, n_calls=20, n_threads=1)
    assert 0.002 <= latency.call_s.p50 <= latency.call_s.p95 <= latency.call_s.p99
    assert latency.control_step_s.p50 == pytest.approx(latency.call_s.p50 / 2)
    assert (latency.n_calls, latency.n_threads) == (20, 1)
