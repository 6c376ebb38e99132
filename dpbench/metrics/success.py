"""Success, score and length of recorded episodes. Success, maximum and final are three figures, never one.

| figure | of an episode |
|---|---|
| success | `is_success` was reached at some step |
| max_reward | largest reward of a step: the score of Chi et al. 2023 for Push-T (they average it over episodes) |
| max_score | largest value of the task's own score (Push-T: coverage, as LeRobot's "average max overlap") |
| final_score | the task's own score at the last step (as VQ-BeT reports coverage) |
| length | control steps |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dpbench.metrics.episode import Episode
from dpbench.metrics.smoothness import rms_jerk
from dpbench.metrics.statistics.intervals import Estimate, mean, proportion

BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class EpisodeFigures:
    """The figures of one episode, see the module's table; `rms_jerk` in agent units / s^3."""

    start_seed: int
    sampler_seed: int
    success: bool
    max_reward: float
    max_score: float
    final_score: float
    length: int
    rms_jerk: float


@dataclass(frozen=True)
class Summary:
    """Means over episodes with 95 % intervals."""

    n_episodes: int
    n_starts: int
    success_rate: Estimate
    mean_max_reward: Estimate
    mean_max_score: Estimate
    mean_final_score: Estimate
    mean_length: Estimate
    mean_rms_jerk: Estimate

    def as_json(self) -> dict[str, Any]:
        """Nested plain values."""
        return asdict(self)


def figures(episode: Episode, rate_hz: float) -> EpisodeFigures:
    """The figures of one episode."""
    return EpisodeFigures(
        start_seed=episode.trial.start_seed,
        sampler_seed=episode.trial.sampler_seed,
        success=bool(episode.successes.any()),
        max_reward=float(episode.rewards.max()),
        max_score=float(episode.scores.max()),
        final_score=float(episode.scores[-1]),
        length=len(episode.rewards),
        rms_jerk=rms_jerk(episode.agent_pos, rate_hz),
    )


def summarise(rows: Sequence[EpisodeFigures]) -> Summary:
    """Means and intervals; trials of one start count as one cluster."""
    starts = np.array([row.start_seed for row in rows])

    def average(name: str) -> Estimate:
        values = np.array([getattr(row, name) for row in rows], dtype=np.float64)
        return mean(values, starts, np.random.default_rng(BOOTSTRAP_SEED))

    return Summary(
        n_episodes=len(rows),
        n_starts=len(np.unique(starts)),
        success_rate=proportion(np.array([row.success for row in rows]), starts),
        mean_max_reward=average("max_reward"),
        mean_max_score=average("max_score"),
        mean_final_score=average("final_score"),
        mean_length=average("length"),
        mean_rms_jerk=average("rms_jerk"),
    )
