"""Temporal ensembling: a weighted mean of what overlapping chunks say about now."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.ensembled import ChunkEnsemble, TemporalEnsemble, ensemble_mean
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


def test_one_rule_on_steps_and_on_a_clock() -> None:
    """Chunks that start at every step are averaged alike, whether they are indexed by step or by time."""
    rng, n_action_steps, period_s = np.random.default_rng(0), 4, 0.1
    chunks = rng.normal(size=(12, n_action_steps, 3)).astype(np.float32)

    class Replay(Counting):
        def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
            self.calls[0] = self.calls.get(0, -1) + 1
            return chunks[None, self.calls[0]]

    on_steps = TemporalEnsemble(Replay(n_action_steps), 0.3)
    on_clock = ChunkEnsemble(0.3, n_action_steps)
    for step, chunk in enumerate(chunks):
        times_s = period_s * (step + np.arange(n_action_steps))
        by_step = on_steps.act({}, NoiseStreams.from_seeds(0, [0]))[0, 0]
        np.testing.assert_allclose(by_step, on_clock.mean(times_s.tolist(), chunk)[0], atol=1e-5)
        # Bit for bit the formula that the committed results were computed with.
        known = chunks[max(0, step + 1 - n_action_steps) : step + 1]
        told = np.stack([old[age] for age, old in zip(range(len(known) - 1, -1, -1), known, strict=True)])
        weights = np.exp(-0.3 * np.arange(len(told)))
        np.testing.assert_array_equal(by_step, (weights @ told / weights.sum()).astype(np.float32))


def test_a_chunk_counts_at_the_times_that_it_covers() -> None:
    ensemble = ChunkEnsemble(decay=0.5, n_chunks=8)
    first = ensemble.mean((1.0, 2.0, 3.0), np.array([[0.0], [1.0], [2.0]], np.float32))
    assert first[:, 0].tolist() == [0.0, 1.0, 2.0]
    second = ensemble.mean((2.5, 3.5), np.array([[3.5], [9.0]], np.float32))
    # At 2.5 s the older chunk says 1.5 and has weight 1, the newer one exp(-0.5). It does not reach 3.5 s.
    newer = np.exp(-0.5)
    assert second[:, 0] == pytest.approx([(1.5 + newer * 3.5) / (1 + newer), 9.0])


def test_without_decay_the_mean_is_plain() -> None:
    assert ensemble_mean(np.array([[1.0], [2.0], [6.0]]), 0.0).tolist() == [3.0]


def test_what_cannot_be_ensembled_is_named() -> None:
    with pytest.raises(ConfigError, match="expected a decay of 0 or more"):
        TemporalEnsemble(Counting(), -0.1)
    with pytest.raises(ConfigError, match="temporal_ensemble = -1"):
        ChunkEnsemble(-1.0, 8)
    with pytest.raises(ConfigError, match="nothing to ensemble"):
        TemporalEnsemble(Counting(1), 0.1)
