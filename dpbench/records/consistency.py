"""Whether the numbers of a record follow from each other: what it sums up must be what its episodes say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dpbench.metrics.metric import OfEpisode
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.table import METRICS
from dpbench.records.record import Record

TOLERANCE = 1e-5
"""Relative; older records are rounded to six digits."""
NUMBERS = tuple(metric.name for metric in METRICS if isinstance(metric.of, OfEpisode) and metric.of.estimator)


def contradictions(record: Record) -> Iterator[str]:
    """What does not follow, one sentence each."""
    yield from _of_trials(record)
    yield from _of_columns(record)
    if not isinstance(record.summary.get("success"), Estimate):
        yield "summary.success is missing, or has no interval"
    for name, value in record.summary.items():
        yield from _of_summary(record, name, value)
    for part in ("call_s", "control_step_s"):
        times = getattr(record.latency, part)
        if not times.p50 <= times.p95 <= times.p99:
            yield f"latency.{part} = {times}: expected p50 <= p95 <= p99"


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


def _of_columns(record: Record) -> Iterator[str]:
    columns = record.episodes.columns()
    for name in NUMBERS:
        if not all(isinstance(value, int | float) for value in columns.get(name, ())):
            yield f"episodes.{name} holds something else than numbers"
    if len(set(record.modes)) < len(record.modes):
        yield "modes has a name twice"
    if record.modes and set(columns.get("mode", ("",))) - {None, *record.modes}:
        yield "episodes.mode holds a name that is not in modes, or is missing"


def _of_summary(record: Record, name: str, value: Estimate | float) -> Iterator[str]:
    if isinstance(value, Estimate) and not (
        math.isfinite(value.mean) and math.isfinite(value.low) and value.low <= value.high < math.inf
    ):
        yield f"summary.{name} = {value}: expected finite numbers with low <= high"
    column = record.episodes.columns().get(name, ())
    numbers = [float(one) for one in column if isinstance(one, int | float)]
    if not numbers or len(numbers) < len(column):
        return
    mean = value.mean if isinstance(value, Estimate) else value
    low, high = (sum(numbers) / len(numbers),) * 2 if name == "success" else (min(numbers), max(numbers))
    room = TOLERANCE * max(abs(low), abs(high), 1e-9)
    if not low - room <= mean <= high + room:
        yield f"summary.{name} is {mean:g}, which does not follow from episodes.{name}"
