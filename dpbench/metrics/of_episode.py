"""Metrics of one episode. Success, largest and last score are three metrics, never one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.episode import Episode
from dpbench.spec import TaskSpec


def success(episode: Episode, task: TaskSpec) -> bool:
    """Whether `is_success` was reached at some step."""
    return bool(episode.successes.any())


def max_reward(episode: Episode, task: TaskSpec) -> float:
    """Largest reward of a step."""
    return float(episode.rewards.max())


def max_score(episode: Episode, task: TaskSpec) -> float:
    """Largest value of the task's own score."""
    return float(episode.scores.max())


def final_score(episode: Episode, task: TaskSpec) -> float:
    """The task's own score at the last step."""
    return float(episode.scores[-1])


def length(episode: Episode, task: TaskSpec) -> int:
    """Control steps."""
    return len(episode.rewards)


def jerk(episode: Episode, task: TaskSpec) -> float:
    """`rms_jerk` of the agent's path."""
    return rms_jerk(episode.agent_pos, task.rate_hz)


def mode(episode: Episode, task: TaskSpec) -> str | None:
    """Name of the mode that the episode has shown in the end, None for none."""
    number = int(episode.modes[-1])
    return task.modes[number] if number >= 0 else None


def rms_jerk(positions: NDArray[Any], rate_hz: float) -> float:
    """Root mean square of the third derivative of the path, in units of `positions` / s^3; lower is smoother.

    Source: the quantity that smooth reaching minimises, Flash & Hogan 1985; third differences of the recorded
    positions. 0 for fewer than four positions.

    Args:
        positions: `(T, D)`.
        rate_hz: of the recording.
    """
    if len(positions) < 4:
        return 0.0
    third = np.diff(positions.astype(np.float64), n=3, axis=0) * rate_hz**3  # (T - 3, D)
    return float(np.sqrt(np.mean(np.sum(third**2, axis=1))))
