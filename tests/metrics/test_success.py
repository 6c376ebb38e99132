"""Figures of recorded episodes, their intervals, latency and video."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.errors import DpbenchError
from dpbench.evaluation.latency import measure
from dpbench.evaluation.video import SUCCESS, grid, write_video
from dpbench.metrics.episode import Episode, Trial
from dpbench.metrics.smoothness import rms_jerk
from dpbench.metrics.statistics.intervals import mean, proportion
from dpbench.metrics.success import figures, summarise
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon


def episode(scores: list[float], start: int = 0, sampler: int = 0, frames: int = 0) -> Episode:
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
        frames=np.full((frames, 16, 16, 3), 40, np.uint8) if frames else None,
    )


def test_success_maximum_and_final_are_three_figures() -> None:
    row = figures(episode([0.1, 0.94, 0.5]), rate_hz=10)
    assert (row.success, row.max_score, row.final_score, row.length) == (False, 0.94, 0.5, 3)
    assert row.max_reward == pytest.approx(0.94 / 0.95)
    assert figures(episode([0.1, 0.96]), rate_hz=10).success


def test_a_summary_averages_over_episodes_and_counts_starts() -> None:
    rows = [figures(episode([0.96 if start else 0.5], start, sampler), 10) for start in (0, 1) for sampler in range(3)]
    summary = summarise(rows)
    assert (summary.n_episodes, summary.n_starts) == (6, 2)
    assert summary.success_rate.mean == 0.5
    assert summary.mean_final_score.mean == pytest.approx(0.73)
    assert summary.as_json()["success_rate"]["low"] < 0.5


def test_a_proportion_without_repeats_is_wilsons() -> None:
    estimate = proportion(np.arange(50) < 35, np.arange(50))
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx((0.7, 0.562, 0.809), abs=2e-3)
    assert proportion(np.zeros(50, dtype=bool), np.arange(50)).high == pytest.approx(0.071, abs=2e-3)


def test_identical_repeats_add_nothing_and_independent_ones_do() -> None:
    rng = np.random.default_rng(0)
    starts = np.repeat(np.arange(50), 3)
    same = np.repeat(rng.random(50) < 0.6, 3)
    once = proportion(same[::3], np.arange(50))
    thrice = proportion(same, starts)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.05)
    free = proportion(rng.random(150) < 0.6, starts)
    assert free.high - free.low < 0.8 * (once.high - once.low)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("rate", [0.6, 0.9])
def test_intervals_cover_the_truth_about_as_often_as_they_say(rate: float, correlation: float) -> None:
    """Starts differ in difficulty: success of a start is Beta distributed around the rate."""
    rng = np.random.default_rng(1)
    starts = np.repeat(np.arange(50), 3)
    covered = {"proportion": 0, "mean": 0}
    n_studies = 300
    for _ in range(n_studies):
        spread = (1 - correlation) / max(correlation, 1e-9)
        chance = rng.beta(rate * spread, (1 - rate) * spread, size=50) if correlation else np.full(50, rate)
        successes = rng.random(150) < np.repeat(chance, 3)
        for name, estimate in (
            ("proportion", proportion(successes, starts)),
            ("mean", mean(successes.astype(float), starts, rng)),
        ):
            covered[name] += estimate.low <= rate <= estimate.high
    assert 0.91 <= covered["proportion"] / n_studies <= 0.99
    assert 0.88 <= covered["mean"] / n_studies <= 0.99


def test_the_bootstrap_is_a_function_of_its_generator() -> None:
    values, starts = np.random.default_rng(0).random(30), np.arange(30)
    first, same, other = (mean(values, starts, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == same != other


def test_jerk_of_known_paths() -> None:
    time_s = np.arange(30)[:, None] / 10
    assert rms_jerk(5 * time_s**2, 10) == pytest.approx(0, abs=1e-6)
    assert rms_jerk(2 * time_s**3, 10) == pytest.approx(12)
    assert rms_jerk(time_s[:3], 10) == 0


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


def test_a_grid_marks_success_when_an_episode_is_over(tmp_path: Path) -> None:
    episodes = [episode([0.96], frames=2), episode([0.2], frames=4)]
    canvas = grid(episodes, columns=2)
    assert canvas.shape == (4, 22, 44, 3)
    assert canvas[1, 0, 0].tolist() == list(SUCCESS)
    assert canvas[1, 0, 30].tolist() != list(SUCCESS)
    write_video(episodes, tmp_path / "grid.mp4", fps=10)
    video = cv2.VideoCapture(str(tmp_path / "grid.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert (tmp_path / "grid.png").exists()


def test_a_video_needs_frames() -> None:
    with pytest.raises(DpbenchError, match="recorded without frames"):
        grid([episode([0.2])], columns=1)
