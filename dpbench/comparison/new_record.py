"""The record of an evaluated cell, made from its episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dpbench.comparison.cells import ResolvedCell
from dpbench.evaluation.action_distribution import compare_actions
from dpbench.evaluation.latency import Latency
from dpbench.metrics.behaviour import Behaviour, Plan, PlanOf
from dpbench.metrics.episode import Episode
from dpbench.metrics.multimodality import commitment, summarise_modes
from dpbench.metrics.success import EpisodeFigures, figures, summarise
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.provenance import provenance

DECIMALS = 6


def make_record(cell: ResolvedCell, episodes: Sequence[Episode], latency: Latency) -> dict[str, Any]:
    """Everything that is kept of an evaluation.

    Args:
        cell: what was evaluated.
        episodes: one a trial.
        latency: of the policy.
    """
    task = cell.task
    rows = [figures(episode, task.rate_hz) for episode in episodes]
    record: dict[str, Any] = {
        "identity": cell.identity,
        "cell": cell.content,
        "summary": _rounded(summarise(rows).as_json()),
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
    behaviour = task.part(Behaviour) or Behaviour()
    if behaviour.plan_of is not None:
        n_action_steps = cell.policy.horizon.n_action_steps
        plans = [_plans(episode, behaviour.plan_of, n_action_steps) for episode in episodes]
        record["commitment"] = _rounded(asdict(commitment(plans, [row.start_seed for row in rows])))
    if behaviour.conditional is not None:
        demonstrator = scripted_demonstrator(task).policy(task)
        compared = compare_actions(cell.open(), task, demonstrator, behaviour.conditional)
        record["actions"] = _rounded(compared.as_json())
    return record


def _plans(episode: Episode, plan_of: PlanOf, n_action_steps: int) -> list[Plan | None]:
    """What the executed part of each chunk headed for."""
    state = episode.environment_state
    return [
        plan_of(
            episode.agent_pos[at], state[at] if state is not None else None, episode.actions[at : at + n_action_steps]
        )
        for at in range(0, len(episode.actions), n_action_steps)
    ]


def _columns(rows: list[EpisodeFigures]) -> dict[str, list[Any]]:
    table = [asdict(row) for row in rows]
    return {key: [_rounded(row[key]) for row in table] for key in table[0]}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, DECIMALS) if isinstance(value, float) else value
