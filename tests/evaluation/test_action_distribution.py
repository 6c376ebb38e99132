"""Action distributions: policies with known answers on Avoid, whose demonstrator's distribution is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.envs.avoid.demonstrator import AvoidDemonstrator, chunks, sample_chunks
from dpbench.envs.avoid.plans import KnownDistribution
from dpbench.envs.avoid.scene import CLOSED
from dpbench.evaluation.action_distribution import probe_states, probes, sample_policy
from dpbench.evaluation.rollout import rollout
from dpbench.metrics.chunks import chunk_statistics
from dpbench.metrics.episode import EpisodeSet, Trial
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.observation_buffer import ObservationBuffer
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon
from dpbench.tasks import load_task

TASK = load_task("dpbench/Avoid-v1")
HORIZON = Horizon(n_obs_steps=2, horizon=9, n_action_steps=8)


class Scripted:
    """Samples from the demonstrator's distribution, only from its first mode, or the mean over all modes."""

    horizon = HORIZON

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def reset(self) -> None:
        pass

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        rows = []
        for place, rng in zip(observations["agent_pos"][:, -1], noise.generators, strict=True):
            drawn, modes = sample_chunks(CLOSED, place, 200, 8, rng)
            if self._kind == "one":
                drawn = chunks(CLOSED, place, np.array([modes.min()]), 8, rng)
            rows.append(drawn.mean(axis=0) if self._kind == "average" else drawn[0])
        return np.stack(rows).astype(np.float32)


def test_probe_states_are_those_of_demonstrations() -> None:
    histories = probes(TASK, AvoidDemonstrator(CLOSED), (0, 10), 3)
    assert len(histories) == 8
    assert histories[0]["agent_pos"].shape == (3, 2)
    assert np.ptp(histories[0]["agent_pos"], axis=0).max() == 0, "the first frame fills a short past"
    np.testing.assert_allclose(np.diff(histories[1]["agent_pos"][:, 1]), 0.01, atol=0.004)


def test_a_probed_policy_gets_the_history_that_the_observation_buffer_holds() -> None:
    buffer, histories = ObservationBuffer(3), probes(TASK, AvoidDemonstrator(CLOSED), (0, 1, 2, 3, 4), 3)[:5]
    start = Trial(TASK.starts().seeds(1)[0], 0)
    (episode,) = rollout(AvoidDemonstrator(CLOSED), TASK, TASK.starts(), [start], max_steps=4)
    for step, history in enumerate(histories):
        buffer.add({"agent_pos": episode.agent_pos[step : step + 1]})
        assert np.array_equal(history["agent_pos"], buffer.history(np.array([0]))["agent_pos"][0])


def test_samples_differ_and_are_reproducible() -> None:
    history = probes(TASK, AvoidDemonstrator(CLOSED), (0,), 2)[0]
    first, again = (sample_policy(Scripted("all"), history, 8, 0) for _ in range(2))
    assert first.shape == (8, 8, 2)
    assert np.array_equal(first, again)
    assert len(np.unique(first[:, 0, 0])) == 8


@pytest.mark.parametrize("kind", ["all", "one", "average"])
def test_the_same_distribution_one_mode_and_the_mean_of_all_are_told_apart(kind: str) -> None:
    states = probe_states(Scripted(kind), TASK, AvoidDemonstrator(CLOSED), KnownDistribution(CLOSED))
    found = {
        name: value.mean if isinstance(value, Estimate) else value
        for name, value in chunk_statistics(EpisodeSet(TASK, (), 8, states)).items()
    }
    assert found["probe_states"] == 12
    assert found["invalid_share_floor"] < 0.02
    ratio = found["energy_distance"] / found["energy_distance_floor"]
    if kind == "all":
        assert ratio < 1.5
        assert found["invalid_share"] < 0.02
        assert found["mmd"] < 2 * found["mmd_floor"] + 0.02
    elif kind == "one":
        assert ratio > 5
        assert found["invalid_share"] < 0.02, "one mode is a valid mode"
    else:
        assert ratio > 5
        # Behind the first row the mean of all ways is the one through the middle of the second.
        assert found["invalid_share"] > 0.3, "the mean of all modes is none of them"
