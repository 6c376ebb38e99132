"""The evaluation of a cell: roll out, time the policy, make the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.new_record import make_record, probes_of
from dpbench.evaluation.latency import measure
from dpbench.evaluation.rollout import Frames, make_batch, parallel_rollout
from dpbench.metrics.episode import EpisodeSet
from dpbench.policies.observation_buffer import stack_history
from dpbench.policies.opening import open_policy
from dpbench.records.record import Latency, Record
from dpbench.spaces import flatten

N_LATENCY_CALLS = 100
N_LATENCY_STARTS = 10
MAX_LATENCY_S = 20.0


@dataclass(frozen=True)
class Evaluation:
    """An evaluated cell.

    Attributes:
        record: its metrics and where they come from.
        recorded: its episodes, one a trial, with frames where they were asked for.
    """

    record: Record
    recorded: EpisodeSet


def evaluate(
    cell: ResolvedCell, n_workers: int, frames: Frames | None = None, on_done: Callable[[int], object] = lambda _: None
) -> Evaluation:
    """Roll a cell out, time its policy, and make the record.

    Args:
        cell: what to evaluate.
        n_workers: processes for the rollouts; the figures do not depend on it.
        frames: pictures to keep, or None.
        on_done: called with the number of episodes that have just ended.
    """
    latency = time_policy(cell)
    episodes = parallel_rollout(
        partial(open_policy, cell.policy, device=cell.device),
        cell.task.id,
        cell.starts,
        cell.trials,
        n_workers,
        frames,
        on_done,
    )
    recorded = EpisodeSet(cell.task, episodes, cell.policy.horizon.n_action_steps, probes_of(cell))
    return Evaluation(make_record(cell, recorded, latency), recorded)


def time_policy(cell: ResolvedCell, max_s: float = MAX_LATENCY_S, n_threads: int = 1) -> Latency:
    """Time the policy of a cell on the first observations of its starts, one row a call.

    Args:
        cell: what to time.
        max_s: of timed calls; slow policies get fewer than 100, but 20 at least.
        n_threads: CPU threads of the policy.
    """
    policy = open_policy(cell.policy, device=cell.device, micro_batch=None)
    env = make_batch(cell.task, N_LATENCY_STARTS)
    try:
        seeds: Any = list(cell.starts.seeds(N_LATENCY_STARTS))  # a list, as Gymnasium's environments take it
        first, _ = env.reset(seed=seeds, options=dict(cell.starts.reset_options))
    finally:
        env.close()
    histories = stack_history([dict(flatten(first))], policy.horizon.n_obs_steps)
    return measure(policy, histories, N_LATENCY_CALLS, n_threads, max_s)
