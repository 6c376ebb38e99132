"""The metrics of recorded episodes, by the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dpbench.metrics.episode import EpisodeSet
from dpbench.metrics.metric import EpisodeValue, Metric, OfEpisode, OfSet, Value
from dpbench.metrics.statistics.intervals import Estimate

DECIMALS = 6
"""Of numbers in records."""
Columns = Mapping[str, tuple[EpisodeValue, ...]]
"""Metric -> its value in each episode."""


def episode_columns(recorded: EpisodeSet, metrics: Sequence[Metric]) -> dict[str, tuple[EpisodeValue, ...]]:
    """What is measured in each episode.

    Args:
        recorded: the episodes.
        metrics: rows of the table; those that are not of an episode, or of other tasks, are passed over.
    """
    task = recorded.task
    return {
        metric.name: tuple(metric.of.function(episode, task) for episode in recorded.episodes)
        for metric in metrics
        if isinstance(metric.of, OfEpisode) and metric.tasks.include(task)
    }


def summarise(recorded: EpisodeSet, columns: Columns, metrics: Sequence[Metric]) -> dict[str, Value]:
    """One value a metric for all episodes together.

    Args:
        recorded: the episodes.
        columns: as `episode_columns` measured them.
        metrics: rows of the table; what the episodes do not tell is left out.
    """
    done: dict[Callable[[EpisodeSet], Mapping[str, Value]], Mapping[str, Value]] = {}
    summary: dict[str, Value] = {}
    for metric in metrics:
        if not metric.tasks.include(recorded.task):
            continue
        if isinstance(metric.of, OfEpisode) and metric.of.estimator is not None:
            summary[metric.name] = metric.of.estimator.over_starts(np.array(columns[metric.name]), recorded.starts)
        elif isinstance(metric.of, OfSet):
            if metric.of.function not in done:
                done[metric.of.function] = metric.of.function(recorded)
            if metric.name in done[metric.of.function]:
                summary[metric.name] = done[metric.of.function][metric.name]
    return summary


def measured(
    recorded: EpisodeSet, metrics: Sequence[Metric]
) -> tuple[dict[str, tuple[EpisodeValue, ...]], dict[str, Value]]:
    """Values of each episode and of all together, rounded to six decimals as records keep them.

    Args:
        recorded: the episodes.
        metrics: rows of the table.
    """
    columns = episode_columns(recorded, metrics)
    return rounded(columns, summarise(recorded, columns, metrics))


def rounded(
    columns: Columns, summary: Mapping[str, Value]
) -> tuple[dict[str, tuple[EpisodeValue, ...]], dict[str, Value]]:
    """Values of each episode and of all together, to the six decimals of records."""
    return (
        {name: tuple(map(_rounded_value, values)) for name, values in columns.items()},
        {name: _rounded(value) for name, value in summary.items()},
    )


def _rounded(value: Value) -> Value:
    if isinstance(value, Estimate):
        return Estimate(round(value.mean, DECIMALS), round(value.low, DECIMALS), round(value.high, DECIMALS))
    return round(value, DECIMALS)


def _rounded_value(value: EpisodeValue) -> EpisodeValue:
    return round(value, DECIMALS) if isinstance(value, float) else value
