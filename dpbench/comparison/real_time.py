"""The evaluation of a cell in real time, beside its lock-step figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.episodes import episodes_of
from dpbench.comparison.new_record import provenance_of, trial_seeds
from dpbench.errors import DataError
from dpbench.evaluation.rollout import Frames
from dpbench.metrics.episode import EpisodeSet
from dpbench.metrics.measure import measured, rounded
from dpbench.metrics.metric import OfEpisode
from dpbench.metrics.real_time import paced
from dpbench.metrics.table import metrics_of
from dpbench.records.machine import Hardware, Latency
from dpbench.records.record import Episodes, RealTime, Record


@dataclass(frozen=True)
class MeasuredLatency:
    """A latency, and the machine that it was measured on."""

    latency: Latency
    hardware: Hardware


def latency_of(record: Record, name: str) -> MeasuredLatency:
    """The call times of a record: those of its episodes in real time, else those of its latency.

    Args:
        record: of any policy.
        name: of the record, for the message.

    Raises:
        DataError: for a record that does not hold the times of single calls.
    """
    if record.real_time is not None:
        return MeasuredLatency(record.real_time.latency, record.real_time.hardware)
    if record.latency.times_s is None:
        raise DataError(
            f"{name} holds percentiles of the latency and no times of single calls, which real time needs: measure "
            "them with dpbench evaluate --real-time."
        )
    return MeasuredLatency(record.latency, record.provenance.hardware)


def in_real_time(
    cell: ResolvedCell,
    lock_step: Episodes,
    timed: MeasuredLatency,
    n_workers: int,
    frames: Frames | None = None,
    on_done: Callable[[int], object] = lambda _: None,
) -> tuple[RealTime, EpisodeSet]:
    """Roll a cell out in real time.

    Args:
        cell: what to evaluate.
        lock_step: its episodes in lock-step, one a trial.
        timed: what its calls take.
        n_workers: processes for the rollouts; the figures do not depend on it.
        frames: pictures to keep, or None.
        on_done: called with the number of episodes that have just ended.

    Returns:
        The part of the record, and the episodes.
    """
    times_s = timed.latency.times_s or ()
    episodes = episodes_of(cell, n_workers, frames=frames, on_done=on_done, call_times_s=times_s)
    recorded = EpisodeSet(cell.task, episodes, cell.policy.horizon.n_action_steps)
    metrics = [metric for metric in metrics_of(cell.task) if isinstance(metric.of, OfEpisode)]
    columns, summary = measured(recorded, metrics)
    on_time = all(int(time_s * cell.task.rate_hz) < 1 for time_s in times_s)
    more_columns, more = rounded(*paced(recorded, np.array(lock_step.success), on_time))
    part = RealTime(
        latency=timed.latency,
        hardware=timed.hardware,
        summary={**summary, **more},
        episodes=Episodes.model_validate({**trial_seeds(recorded), **columns, **more_columns}),
        provenance=provenance_of(cell),
    )
    return part, recorded
