"""Temporal ensembling: a weighted mean of what overlapping chunks say about now."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.ensembled import TemporalEnsemble
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.policies.runner import PolicyRunner
from dpbench.spec import Horizon


class Counting:
    """Chunk number n of an episode predicts 100 n + place."""

    def __init__(self, n_action_steps: int = 3) -> None:
        self.horizon = Horizon(1, n_action_steps, n_action_steps)
        self.calls: dict[int, int] = {}

    def reset(self) -> None:
        self.calls.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        rows = []
        for episode in noise.episodes:
            number = self.calls.get(episode, 0)
            self.calls[episode] = number + 1
            rows.append(100 * number + np.arange(self.horizon.n_action_steps, dtype=np.float32)[:, None])
        return np.stack(rows)


def run(decay: float, active: list[list[bool]]) -> NDArray[np.float32]:
    runner = PolicyRunner(TemporalEnsemble(Counting(), decay), NoiseStreams.from_seeds(0, range(2)))
    return np.stack([runner.act({"x": np.zeros((2, 1))}, np.array(rows))[:, 0].copy() for rows in active])


def test_it_is_the_weighted_mean_of_all_chunks_that_speak_of_now() -> None:
    decay = 0.5
    actions = run(decay, [[True, True]] * 5)[:, 0]
    weights = np.exp(-decay * np.arange(3))
    told = [[0], [1, 100], [2, 101, 200], [102, 201, 300], [202, 301, 400]]  # the oldest first
    wanted = [np.dot(weights[: len(row)], row) / weights[: len(row)].sum() for row in told]
    np.testing.assert_allclose(actions, wanted, rtol=1e-6)


def test_episodes_that_ended_do_not_mix_with_the_others() -> None:
    whole = run(0.1, [[True, True]] * 4)
    part = run(0.1, [[True, True], [True, True], [False, True], [False, True]])
    np.testing.assert_array_equal(whole[:, 1], part[:, 1])


def test_what_cannot_be_ensembled_is_named() -> None:
    with pytest.raises(ConfigError, match="expected a decay of 0 or more"):
        TemporalEnsemble(Counting(), -0.1)
    with pytest.raises(ConfigError, match="nothing to ensemble"):
        TemporalEnsemble(Counting(1), 0.1)
