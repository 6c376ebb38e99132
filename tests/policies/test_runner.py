"""Noise streams and the receding horizon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.policies.runner import PolicyRunner
from dpbench.spec import Horizon


class Counting:
    """Returns the newest observation plus the number of the step in the chunk."""

    horizon = Horizon(n_obs_steps=3, horizon=5, n_action_steps=2)

    def __init__(self) -> None:
        self.calls: list[NDArray[np.float32]] = []

    def reset(self) -> None:
        self.calls.clear()

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        history = observations["agent_pos"]
        assert len(history) == len(noise)
        self.calls.append(history.copy())
        return history[:, -1:] + np.arange(2, dtype=np.float32)[:, None]


def test_streams_do_not_depend_on_their_neighbours() -> None:
    together, alone = NoiseStreams.from_seeds(7, [1, 2, 3]), NoiseStreams.from_seeds(7, [2])
    assert np.array_equal(together.normal(4)[1], alone.normal(4)[0])
    assert np.array_equal(together.uniform(2)[1], alone.uniform(2)[0])


def test_other_seeds_give_other_noise() -> None:
    first = NoiseStreams.from_seeds(0, [1]).normal(8)
    assert not np.array_equal(first, NoiseStreams.from_seeds(1, [1]).normal(8))
    assert not np.array_equal(first, NoiseStreams.from_seeds(0, [2]).normal(8))


def test_rows_continue_their_streams() -> None:
    streams, reference = NoiseStreams.from_seeds(0, [1, 2]), NoiseStreams.from_seeds(0, [1, 2])
    streams.normal(3)
    reference.normal(3)
    assert np.array_equal(streams.rows(np.array([1])).normal(2)[0], reference.normal(2)[1])


def test_history_repeats_the_first_observation_and_chunks_are_executed_step_by_step() -> None:
    policy = Counting()
    runner = PolicyRunner(policy, NoiseStreams.from_seeds(0, [0]))
    active = np.array([True])
    sent = [float(runner.act({"agent_pos": np.array([[t]], dtype=np.float32)}, active)[0, 0]) for t in range(5)]
    assert sent == [0, 1, 2, 3, 4]
    assert [call[0, :, 0].tolist() for call in policy.calls] == [[0, 0, 0], [0, 1, 2], [2, 3, 4]]


def test_finished_episodes_are_left_out_and_the_others_do_not_notice() -> None:
    policy = Counting()
    runner = PolicyRunner(policy, NoiseStreams.from_seeds(0, [0, 1]))
    both, second = np.array([True, True]), np.array([False, True])
    observation = {"agent_pos": np.array([[5.0], [6.0]], dtype=np.float32)}
    runner.act(observation, both)
    runner.act(observation, both)
    actions = runner.act(observation, second)
    assert len(policy.calls[-1]) == 1
    assert actions[:, 0].tolist() == [6.0, 6.0], "the finished one repeats its last action"
