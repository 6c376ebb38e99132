"""One cell of the comparison: what is evaluated, its identity, and its evaluation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch

from dpbench.evaluation.action_distribution import compare_actions
from dpbench.evaluation.latency import Latency, measure
from dpbench.evaluation.rollout import Frames, make_batch, parallel_rollout, trials
from dpbench.metrics.episode import Episode
from dpbench.metrics.multimodality import Plan, commitment, summarise_modes
from dpbench.metrics.success import EpisodeFigures, Summary, figures, summarise
from dpbench.policies.observation_buffer import stack_history
from dpbench.policies.protocol import Policy
from dpbench.policies.sources.opening import OpenedPolicy, open_policy
from dpbench.provenance import provenance
from dpbench.registry import resolve
from dpbench.spaces import flatten
from dpbench.spec import EvaluationStarts
from dpbench.tasks import load_task

PROTOCOL_VERSION = 1
"""Raised whenever the harness changes in a way that can move figures."""
N_LATENCY_CALLS = 100
MAX_LATENCY_S = 20.0
DECIMALS = 6


@dataclass(frozen=True)
class Cell:
    """What is evaluated.

    Attributes:
        source: checkpoint folder, or name of a scripted policy.
        task_id: Gymnasium id.
        starts: name of the start protocol, None for the task's first.
        n_starts: how many starts, None for all of the protocol.
        sampler_seeds: each start is run once with each.
        sampling: inference-time options.
        device: torch device.
    """

    source: str
    task_id: str
    starts: str | None = None
    n_starts: int | None = None
    sampler_seeds: tuple[int, ...] = (0, 1, 2)
    sampling: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def open(self, micro_batch: int | None = -1) -> OpenedPolicy:
        """Open the policy; `micro_batch` -1 keeps the harness's default."""
        more = {} if micro_batch == -1 else {"micro_batch": micro_batch}
        return open_policy(self.source, self.task_id, device=self.device, sampling=self.sampling, **more)

    def protocol(self) -> EvaluationStarts:
        """The start protocol."""
        return load_task(self.task_id).starts(self.starts)


@dataclass(frozen=True)
class Evaluation:
    """A cell with its figures."""

    record: Mapping[str, Any]
    summary: Summary
    latency: Latency
    episodes: tuple[Episode, ...]


def identity(cell: Cell, opened: OpenedPolicy) -> tuple[str, dict[str, Any]]:
    """SHA-256 of everything that decides the result, and that as JSON; paths, dates and machines are no part of it."""
    starts = cell.protocol()
    what = {
        "protocol_version": PROTOCOL_VERSION,
        "task": cell.task_id,
        "starts": starts.name,
        "reset_options": dict(starts.reset_options),
        "start_seeds": list(starts.seeds(cell.n_starts)),
        "sampler_seeds": list(cell.sampler_seeds),
        "policy": dict(opened.identity),
    }
    canonical = json.dumps(what, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest(), json.loads(canonical)


def evaluate(
    cell: Cell, n_workers: int, frames: Frames | None = None, on_done: Callable[[int], object] = lambda _: None
) -> Evaluation:
    """Roll a cell out, time its policy, and make the record.

    Args:
        cell: what to evaluate.
        n_workers: processes for the rollouts; the figures do not depend on it.
        frames: pictures to keep, or None.
        on_done: called with the number of episodes that have just ended.

    Raises:
        DpbenchError: for a policy, protocol or option that does not exist.
    """
    task, starts = load_task(cell.task_id), cell.protocol()
    wanted = trials(starts, cell.n_starts, cell.sampler_seeds)
    opened = cell.open()
    digest, what = identity(cell, opened)
    latency = time_policy(cell)
    episodes = parallel_rollout(
        partial(_open_for_worker, cell), cell.task_id, starts, wanted, n_workers, frames, on_done
    )
    rows = [figures(episode, task.rate_hz) for episode in episodes]
    summary = summarise(rows)
    record: dict[str, Any] = {
        "identity": digest,
        "cell": what,
        "summary": _rounded(summary.as_json()),
        "episodes": _columns(rows),
        "latency": latency.as_json(),
        "provenance": provenance(),
    }
    if task.modes:
        shown = [int(episode.modes[-1]) for episode in episodes]
        labels = [task.modes[number] if number >= 0 else None for number in shown]
        starts_of, successes = [row.start_seed for row in rows], [row.success for row in rows]
        record["episodes"]["mode"] = labels
        record["multimodality"] = _rounded(summarise_modes(task.modes, labels, successes, starts_of).as_json())
    if task.plan_of is not None:
        plan_of, n_action_steps = resolve(task.plan_of), opened.policy.horizon.n_action_steps
        plans = [_plans(episode, plan_of, n_action_steps) for episode in episodes]
        record["commitment"] = _rounded(asdict(commitment(plans, [row.start_seed for row in rows])))
    if task.conditional is not None:
        demonstrator, conditional = resolve(task.demonstrator or "")(task), resolve(task.conditional)
        record["actions"] = _rounded(compare_actions(opened.policy, task, demonstrator, conditional).as_json())
    return Evaluation(record, summary, latency, episodes)


def _plans(episode: Episode, plan_of: Callable[..., Plan | None], n_action_steps: int) -> list[Plan | None]:
    """What the executed part of each chunk headed for."""
    state = episode.environment_state
    return [
        plan_of(
            episode.agent_pos[at], state[at] if state is not None else None, episode.actions[at : at + n_action_steps]
        )
        for at in range(0, len(episode.actions), n_action_steps)
    ]


def _open_for_worker(cell: Cell) -> Policy:
    return cell.open().policy


def time_policy(cell: Cell, max_s: float = MAX_LATENCY_S) -> Latency:
    """Time the policy of a cell on the first observations of its starts, one row a call.

    Args:
        cell: what to time.
        max_s: of timed calls; slow policies get fewer than 100, but 20 at least.
    """
    policy, task, starts = cell.open(micro_batch=None).policy, load_task(cell.task_id), cell.protocol()
    env = make_batch(task, 10)
    try:
        seeds: Any = list(starts.seeds(10))  # a list, as Gymnasium's environments take it
        first, _ = env.reset(seed=seeds, options=dict(starts.reset_options))
    finally:
        env.close()
    histories = stack_history([dict(flatten(first))], policy.horizon.n_obs_steps)
    return measure(policy, histories, N_LATENCY_CALLS, torch.get_num_threads(), max_s)


def _columns(rows: list[EpisodeFigures]) -> dict[str, list[Any]]:
    table = [asdict(row) for row in rows]
    return {key: [_rounded(row[key]) for row in table] for key in table[0]}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, DECIMALS) if isinstance(value, float) else value
