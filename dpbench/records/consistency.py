"""Whether the numbers of a record follow from each other: what it sums up must be what its episodes say."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence

from dpbench.metrics.metric import EpisodeValue, OfEpisode, Value
from dpbench.metrics.real_time import DIFFERENCE, FRESH_RATE, STALE_SHARE
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.statistics.percentiles import percentiles
from dpbench.metrics.table import METRICS
from dpbench.records.machine import Latency
from dpbench.records.record import Episodes, RealTime, Record

TOLERANCE = 1e-5
"""Relative; older records are rounded to six digits."""
EXACT = ("success", DIFFERENCE)
"""What is the mean over its episodes; other metrics weigh starts alike, or are no mean."""
NUMBERS = tuple(metric.name for metric in METRICS if isinstance(metric.of, OfEpisode) and metric.of.estimator)


def contradictions(record: Record) -> Iterator[str]:
    """What does not follow, one sentence each."""
    yield from _of_trials(record)
    yield from _of_columns(record, record.episodes)
    yield from _of_summary(record.summary, record.episodes)
    yield from _of_latency(record.latency)
    if record.real_time is not None:
        for contradiction in _of_real_time(record, record.real_time):
            yield f"real_time: {contradiction}"


def _of_real_time(record: Record, part: RealTime) -> Iterator[str]:
    """The same trials as in lock-step, and a difference that is the one between the two."""
    yield from _of_columns(record, part.episodes)
    yield from _of_summary(part.summary, part.episodes)
    yield from _of_latency(part.latency)
    trials = (part.episodes.start_seed, part.episodes.sampler_seed)
    if trials != (record.episodes.start_seed, record.episodes.sampler_seed):
        yield "episodes are not those of the record: expected the same trials in the same order"
        return
    columns = part.episodes.columns()
    wanted = tuple(map(operator.sub, part.episodes.success, record.episodes.success))
    if columns.get(DIFFERENCE) != wanted:
        yield f"episodes.{DIFFERENCE} is not success in real time minus success in lock-step"
    for name in (DIFFERENCE, STALE_SHARE, FRESH_RATE):
        if not isinstance(part.summary.get(name), Estimate) or name not in columns:
            yield f"{name} is missing in summary or episodes, or has no interval"
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in columns.get(STALE_SHARE, ())):
        yield f"episodes.{STALE_SHARE} holds something else than shares from 0 to 1"


def _of_latency(latency: Latency) -> Iterator[str]:
    for part in ("call_s", "control_step_s"):
        times = getattr(latency, part)
        if not times.p50 <= times.p95 <= times.p99:
            yield f"latency.{part} = {times}: expected p50 <= p95 <= p99"
    if latency.times_s is None:
        return
    if len(latency.times_s) != latency.n_calls:
        yield f"latency.n_calls is {latency.n_calls}, times_s has {len(latency.times_s)}"
    for name, value in percentiles(latency.times_s).items():
        if not math.isclose(value, getattr(latency.call_s, name), rel_tol=TOLERANCE, abs_tol=1e-9):
            yield f"latency.call_s.{name} is {getattr(latency.call_s, name):g}, times_s say {value:g}"


def _of_trials(record: Record) -> Iterator[str]:
    """Each start once with each sampler seed."""
    cell, episodes = record.cell, record.episodes
    for name, seeds in (("start_seeds", cell.start_seeds), ("sampler_seeds", cell.sampler_seeds)):
        if not seeds:
            yield f"cell.{name} is empty, expected one at least"
        if len(set(seeds)) < len(seeds):
            yield f"cell.{name} has a seed twice"
    wanted = sorted((start, sampler) for start in cell.start_seeds for sampler in cell.sampler_seeds)
    if sorted(zip(episodes.start_seed, episodes.sampler_seed, strict=True)) != wanted:
        yield f"episodes are not the {len(wanted)} of cell: each of start_seeds once with each of sampler_seeds"


def _of_columns(record: Record, episodes: Episodes) -> Iterator[str]:
    columns = episodes.columns()
    for name in NUMBERS:
        if not all(isinstance(value, int | float) for value in columns.get(name, ())):
            yield f"episodes.{name} holds something else than numbers"
    if len(set(record.modes)) < len(record.modes):
        yield "modes has a name twice"
    if record.modes and set(columns.get("mode", ("",))) - {None, *record.modes}:
        yield "episodes.mode holds a name that is not in modes, or is missing"


def _of_summary(summary: Mapping[str, Value], episodes: Episodes) -> Iterator[str]:
    if not isinstance(summary.get("success"), Estimate):
        yield "summary.success is missing, or has no interval"
    for name, value in summary.items():
        yield from _of_value(name, value, episodes.columns().get(name, ()))


def _of_value(name: str, value: Value, column: Sequence[EpisodeValue]) -> Iterator[str]:
    if isinstance(value, Estimate) and not (
        math.isfinite(value.mean) and math.isfinite(value.low) and value.low <= value.high < math.inf
    ):
        yield f"summary.{name} = {value}: expected finite numbers with low <= high"
    numbers = [float(one) for one in column if isinstance(one, int | float)]
    if not numbers or len(numbers) < len(column):
        return
    mean = value.mean if isinstance(value, Estimate) else value
    low, high = (sum(numbers) / len(numbers),) * 2 if name in EXACT else (min(numbers), max(numbers))
    room = TOLERANCE * max(abs(low), abs(high), 1e-9)
    if not low - room <= mean <= high + room:
        yield f"summary.{name} is {mean:g}, which does not follow from episodes.{name}"
