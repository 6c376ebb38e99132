"""The metrics of recorded episodes: of each, and of all together."""

from __future__ import annotations

import numpy as np
import pytest

from dpbench.metrics.episode import Episode, EpisodeSet, Trial
from dpbench.metrics.measure import episode_columns, summarise
from dpbench.metrics.of_episode import rms_jerk
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.table import METRICS
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")


def episode(scores: list[float], start: int = 0, sampler: int = 0) -> Episode:
    values = np.array(scores)
    return Episode(
        trial=Trial(start, sampler),
        actions=np.zeros((len(scores), 2), np.float32),
        rewards=np.minimum(values / 0.95, 1),
        scores=values,
        successes=values > 0.95,
        agent_pos=np.zeros((len(scores) + 1, 2), np.float32),
        environment_state=None,
        modes=np.full(len(scores), -1),
    )


def test_success_maximum_and_final_are_three_metrics() -> None:
    columns = episode_columns(EpisodeSet(TASK, (episode([0.1, 0.94, 0.5]), episode([0.1, 0.96])), 8), METRICS)
    row = {name: values[0] for name, values in columns.items()}
    assert (row["success"], row["max_score"], row["final_score"], row["length"]) == (False, 0.94, 0.5, 3)
    assert row["max_reward"] == pytest.approx(0.94 / 0.95)
    assert columns["success"] == (False, True)


def test_a_summary_averages_over_episodes_and_counts_starts() -> None:
    episodes = (episode([0.96 if start else 0.5], start, sampler) for start in (0, 1) for sampler in range(3))
    recorded = EpisodeSet(TASK, tuple(episodes), 8)
    summary = summarise(recorded, episode_columns(recorded, METRICS), METRICS)
    success, final = summary["success"], summary["final_score"]
    assert isinstance(success, Estimate)
    assert isinstance(final, Estimate)
    assert success.mean == 0.5
    assert success.low == pytest.approx(0.0945, abs=1e-4), "Wilson for two trials: repeats add nothing"
    assert final.mean == pytest.approx(0.73)


def test_jerk_of_known_paths() -> None:
    time_s = np.arange(30)[:, None] / 10
    assert rms_jerk(5 * time_s**2, 10) == pytest.approx(0, abs=1e-6)
    assert rms_jerk(2 * time_s**3, 10) == pytest.approx(12)
    assert rms_jerk(time_s[:3], 10) == 0
