"""The evaluation of a cell: roll out, time the policy, make the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.episodes import episodes_of
from dpbench.comparison.new_record import make_record, probes_of, provenance_of
from dpbench.comparison.real_time import MeasuredLatency, in_real_time, latency_of
from dpbench.errors import DpbenchError, EvaluationError
from dpbench.evaluation.latency import measure
from dpbench.evaluation.rollout import Frames, make_batch
from dpbench.metrics.episode import Episode, EpisodeSet, Trial
from dpbench.metrics.of_episode import success
from dpbench.plugins.failures import failure_of
from dpbench.plugins.importing import printing_kept
from dpbench.policies.observation_buffer import stack_history
from dpbench.policies.opening import open_policy
from dpbench.records.machine import Latency, Percentiles
from dpbench.records.record import Record
from dpbench.registry import note
from dpbench.spaces import flatten

N_LATENCY_CALLS = 100
N_LATENCY_STARTS = 10
MAX_LATENCY_S = 20.0
_NO_TIME = Percentiles(p50=0, p95=0, p99=0)
UNTIMED = Latency(call_s=_NO_TIME, control_step_s=_NO_TIME, n_calls=0, n_threads=1)
"""Stands for the latency of a policy that is still to be timed; no record is written with it."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluated cell.

    Attributes:
        record: its metrics and where they come from.
        recorded: its episodes in lock-step, one a trial.
        real_time: those in real time, None where these were not asked for.
    """

    record: Record
    recorded: EpisodeSet
    real_time: EpisodeSet | None = None

    @property
    def shown(self) -> EpisodeSet:
        """The episodes that have frames where they were asked for: in real time, else in lock-step."""
        return self.recorded if self.real_time is None else self.real_time


def evaluate(
    cell: ResolvedCell,
    n_workers: int,
    frames: Frames | None = None,
    on_done: Callable[[int], object] = lambda _: None,
    timed: MeasuredLatency | None = None,
) -> Evaluation:
    """Roll a cell out, time its policy, and make the record.

    The rollouts come first: with several workers, a policy that crashes ends one of them and not this process.

    Args:
        cell: what to evaluate.
        n_workers: processes for the rollouts; the figures do not depend on it.
        frames: pictures to keep, or None.
        on_done: called with the number of episodes that have just ended.
        timed: latency of the calls in real time; None for the one that is measured here.

    Raises:
        EvaluationError: for whatever prevents it, with policy, task and, where it is known, start seed and step.
    """
    with _named(cell):
        episodes = episodes_of(cell, n_workers, frames=None if cell.real_time else frames, on_done=on_done)
        done = _evaluation(cell, episodes, _time(cell, MAX_LATENCY_S, 1))
        if not cell.real_time:
            return done
        used = timed or latency_of(done.record, cell.name)
        part, paced = in_real_time(cell, done.record.episodes, used, n_workers, frames, on_done)
        return Evaluation(done.record.with_real_time(part), done.recorded, paced)


def add_real_time(
    cell: ResolvedCell, record: Record, n_workers: int, on_done: Callable[[int], object] = lambda _: None
) -> Record:
    """A record of known lock-step episodes, with those in real time.

    Their latency is the record's, or measured here where the record is too old to hold the times of its calls.

    Args:
        cell: of the record.
        record: without episodes in real time.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended.

    Raises:
        EvaluationError: as `evaluate`.
    """
    with _named(cell):
        if record.latency.times_s is None:
            record = record.with_latency(_time(cell, MAX_LATENCY_S, 1), provenance_of(cell))
        timed = latency_of(record, cell.name)
        part, _ = in_real_time(cell, record.episodes, timed, n_workers, on_done=on_done)
        return record.with_real_time(part)


def roll_out(cell: ResolvedCell, on_done: Callable[[int], object] = lambda _: None) -> Evaluation:
    """The episodes of a cell, computed in this process; its policy is still to be timed (`UNTIMED`).

    Raises:
        EvaluationError: as `evaluate`.
    """
    with _named(cell):
        return _evaluation(cell, episodes_of(cell, 1, on_done=on_done), UNTIMED)


def _evaluation(cell: ResolvedCell, episodes: tuple[Episode, ...], latency: Latency) -> Evaluation:
    recorded = EpisodeSet(cell.task, episodes, cell.policy.horizon.n_action_steps, probes_of(cell))
    return Evaluation(make_record(cell, recorded, latency), recorded)


def successes(
    cell: ResolvedCell, trials: Sequence[Trial], n_workers: int, on_done: Callable[[int], object] = lambda _: None
) -> tuple[bool, ...]:
    """Run some trials of a cell's policy, for who needs to know their success only.

    Args:
        cell: the policy, its task and the options of its starts.
        trials: to run.
        n_workers: processes.
        on_done: called with the number of episodes that have just ended.

    Raises:
        EvaluationError: as `evaluate`.
    """
    with _named(cell):
        episodes = episodes_of(cell, n_workers, trials, on_done=on_done)
        return tuple(success(episode, cell.task) for episode in episodes)


def time_policy(cell: ResolvedCell, max_s: float = MAX_LATENCY_S, n_threads: int = 1) -> Latency:
    """Time the policy of a cell on the first observations of its starts, one row a call.

    Args:
        cell: what to time.
        max_s: of timed calls; slow policies get fewer than 100, but 20 at least.
        n_threads: CPU threads of the policy.

    Raises:
        EvaluationError: as `evaluate`.
    """
    with _named(cell):
        return _time(cell, max_s, n_threads)


def _time(cell: ResolvedCell, max_s: float, n_threads: int) -> Latency:
    policy = open_policy(cell.policy, device=cell.device, micro_batch=None)
    env = make_batch(cell.task, N_LATENCY_STARTS)
    try:
        seeds: Any = list(cell.starts.seeds(N_LATENCY_STARTS))  # a list, as Gymnasium's environments take it
        first, _ = env.reset(seed=seeds, options=dict(cell.starts.reset_options))
    finally:
        env.close()
    histories = stack_history([dict(flatten(first))], policy.horizon.n_obs_steps)
    return measure(policy, histories, N_LATENCY_CALLS, n_threads, max_s)


@contextmanager
def _named(cell: ResolvedCell) -> Iterator[None]:
    """Turn an error of an evaluation into a sentence that begins with policy and task."""
    subject = f"{cell.name} on {cell.task.id}"
    try:
        with printing_kept(subject, note):
            yield
    except KeyboardInterrupt:
        raise
    except DpbenchError as error:
        raise EvaluationError(f"{subject}: {error}") from error
    except BaseException as error:  # also of metrics and parts of a plug-in's task
        raise EvaluationError(f"{subject}: {failure_of(error)}") from error
