"""Whether the figures of a record follow from its trajectories: each of them is computed again and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from dpbench.comparison.submissions.protocol import steps_of_a_call
from dpbench.comparison.submissions.simulation import title
from dpbench.metrics.episode import Episode, EpisodeSet
from dpbench.metrics.measure import DECIMALS, measured
from dpbench.metrics.metric import EpisodeValue, Value
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.table import metrics_of
from dpbench.records.record import Record
from dpbench.spec import TaskSpec

LAST_DIGIT = 1.01 * 10.0**-DECIMALS
"""Another BLAS may round the last decimal of a record the other way."""
OTHER_BLAS = 1e-9
"""Relative; sums of float64 in another order."""
NPZ_BYTES = 2**16
"""For the headers of the arrays."""
TRIAL = ("start_seed", "sampler_seed")


def unpacked_limit_bytes(record: Record, task: TaskSpec) -> int:
    """Bytes that the trajectories of a record can have at most, unpacked: every episode as long as the task allows."""
    n_episodes, n_places = len(record.episodes), int(np.prod(task.observations["agent_pos"].shape))
    a_step = 4 * task.action.dim + 8 + 8 + 1 + 2  # actions, rewards, scores, successes, modes
    return n_episodes * (task.max_episode_steps * a_step + (task.max_episode_steps + 1) * 4 * n_places + 24) + NPZ_BYTES


def objections_to_episodes(record: Record, recorded: EpisodeSet) -> Iterator[str]:
    """What no episode of the task can be, one sentence each.

    Args:
        record: that the episodes belong to.
        recorded: as its trajectories have them.
    """
    columns = record.episodes.columns()
    trials = [(one.trial.start_seed, one.trial.sampler_seed) for one in recorded.episodes]
    if trials != list(zip(*(columns[name] for name in TRIAL), strict=True)):
        yield "its trajectories are those of other episodes"
        return
    if recorded.n_action_steps != steps_of_a_call(record.latency):
        yield (
            f"its trajectories have {recorded.n_action_steps} steps a call, its latency "
            f"{steps_of_a_call(record.latency)}"
        )
    for episode in recorded.episodes:
        for sentence in _of_episode(episode, recorded.task):
            yield f"{title(episode)}: {sentence}"


def _of_episode(episode: Episode, task: TaskSpec) -> Iterator[str]:
    n_steps, places = len(episode.rewards), task.observations["agent_pos"].shape
    if n_steps > task.max_episode_steps:
        yield f"{n_steps} steps, but {task.id} ends after {task.max_episode_steps}"
    if episode.agent_pos.shape[1:] != places:
        yield f"agent_pos has shape {episode.agent_pos.shape[1:]}, expected {places}"
    for name, values, (low, high) in (
        ("reward", episode.rewards, task.reward_range),
        ("score", episode.scores, (0.0, 1.0)),
    ):
        if values.min() < low - LAST_DIGIT or values.max() > high + LAST_DIGIT:
            yield f"a {name} outside of {low:g} to {high:g}"


def objections_to_figures(record: Record, recorded: EpisodeSet, tolerance: Mapping[str, float]) -> Iterator[str]:
    """Figures that are others than the trajectories give, or that they do not give, one sentence each.

    Args:
        record: to judge.
        recorded: its episodes; with probes where those of the policy were made again.
        tolerance: metric -> by how much, relative, its values may differ; the others are equal in all decimals.
    """
    columns, summary = measured(recorded, metrics_of(recorded.task))
    for name, values in record.episodes.columns().items():
        if name in TRIAL:
            continue
        if name not in columns:
            yield f"episodes.{name} cannot be computed from the trajectories"
            continue
        for row, (told, found) in enumerate(zip(values, columns[name], strict=True)):
            if not _same(told, found):
                trial = recorded.episodes[row].trial
                yield (
                    f"episodes.{name} is {told} for start seed {trial.start_seed}, sampler seed {trial.sampler_seed}, "
                    f"its trajectories give {found}"
                )
    for name, value in record.summary.items():
        if name not in summary:
            yield f"summary.{name} cannot be computed from the trajectories; leave it out, or give the checkpoint"
        else:
            yield from _of_summary(name, value, summary[name], tolerance.get(name, 0.0))


def _of_summary(name: str, told: Value, found: Value, tolerance: float) -> Iterator[str]:
    if isinstance(told, Estimate) != isinstance(found, Estimate):
        yield f"summary.{name} has {'an' if isinstance(told, Estimate) else 'no'} interval, expected otherwise"
        return
    for part, of_record, of_episodes in zip(("mean", "low", "high"), _parts(told), _parts(found), strict=False):
        if not _close(of_record, of_episodes, tolerance):
            place = f"summary.{name}.{part}" if isinstance(told, Estimate) else f"summary.{name}"
            yield f"{place} is {of_record:g}, its episodes give {of_episodes:g}"


def _parts(value: Value) -> tuple[float, ...]:
    return (value.mean, value.low, value.high) if isinstance(value, Estimate) else (float(value),)


def _same(told: EpisodeValue, found: EpisodeValue) -> bool:
    if isinstance(told, bool) or isinstance(found, bool) or not isinstance(told, int | float):
        return type(told) is type(found) and told == found
    return isinstance(found, int | float) and _close(told, found, 0.0)


def _close(told: float, found: float, tolerance: float) -> bool:
    return abs(told - found) <= LAST_DIGIT + max(OTHER_BLAS, tolerance) * abs(found)
