"""Metrics of episodes in real time, where the simulation goes on while the policy thinks.

An action is *stale* when the observation behind it is older than lock-step execution would allow. There, an action
comes from an observation that is at most Ta - 1 control steps old; so an action is stale when its observation is Ta
steps old or older, or when there is none: while the agent waits, at the start or between two chunks, and when a chunk
comes so late that all of its steps are over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.episode import EpisodeSet
from dpbench.metrics.metric import EpisodeValue, Value
from dpbench.metrics.statistics.estimators import MEAN
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.statistics.paired_proportions import paired_difference

DIFFERENCE, STALE_SHARE, FRESH_RATE = "success_difference", "stale_share", "fresh_rate_hz"
"""Names in records, beside the metrics of single episodes."""


def is_stale(observed_at: NDArray[np.int64], n_action_steps: int) -> NDArray[np.bool_]:
    """Which actions of an episode are stale, `(T,)`.

    Args:
        observed_at: step of the observation behind each action, -1 for none, `(T,)`.
        n_action_steps: executed steps of a chunk (Ta).
    """
    stale: NDArray[np.bool_] = (observed_at < 0) | (np.arange(len(observed_at)) - observed_at >= n_action_steps)
    return stale


def paced(
    recorded: EpisodeSet, lock_step: NDArray[np.bool_], on_time: bool
) -> tuple[dict[str, tuple[EpisodeValue, ...]], dict[str, Value]]:
    """Difference from lock-step, share of stale actions and effective control rate: of each episode, and of all.

    Args:
        recorded: episodes in real time, each with `observed_at`.
        lock_step: success of the same trials in lock-step, `(N,)`.
        on_time: whether no call takes a whole control period. The two executions are then one and the same, and their
            difference is 0 without any uncertainty.
    """
    success = np.array([bool(episode.successes.any()) for episode in recorded.episodes])
    observed = (episode.observed_at for episode in recorded.episodes)
    stale = np.array([is_stale(steps, recorded.n_action_steps).mean() for steps in observed if steps is not None])
    fresh = recorded.task.rate_hz * (1 - stale)
    difference = success.astype(int) - lock_step.astype(int)
    exactly = Estimate(0.0, 0.0, 0.0)
    return (
        {
            DIFFERENCE: tuple(difference.tolist()),
            STALE_SHARE: tuple(stale.tolist()),
            FRESH_RATE: tuple(fresh.tolist()),
        },
        {
            DIFFERENCE: exactly
            if on_time and np.array_equal(success, lock_step)
            else paired_difference(success, lock_step, recorded.starts),
            STALE_SHARE: MEAN.over_starts(stale, recorded.starts),
            FRESH_RATE: MEAN.over_starts(fresh, recorded.starts),
        },
    )
