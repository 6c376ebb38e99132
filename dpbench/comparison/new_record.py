"""The record of an evaluated cell, made from its episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dpbench.comparison.cells import ResolvedCell
from dpbench.evaluation.action_distribution import compare_actions
from dpbench.metrics.behaviour import Behaviour, Plan, PlanOf
from dpbench.metrics.episode import Episode
from dpbench.metrics.multimodality import commitment, summarise_modes
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.success import EpisodeFigures, figures, summarise
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.opening import open_policy
from dpbench.provenance import provenance
from dpbench.records.migrations import names_of_version_2
from dpbench.records.record import Episodes, EpisodeValue, EvaluatedCell, Latency, Provenance, Record

DECIMALS = 6


def make_record(cell: ResolvedCell, episodes: Sequence[Episode], latency: Latency) -> Record:
    """Everything that is kept of an evaluation.

    Args:
        cell: what was evaluated.
        episodes: one a trial.
        latency: of the policy.
    """
    task = cell.task
    rows = [figures(episode, task.rate_hz) for episode in episodes]
    columns = _columns(rows)
    found: dict[str, Any] = {"summary": summarise(rows).as_json()}
    if task.modes:
        shown = [int(episode.modes[-1]) for episode in episodes]
        labels = [task.modes[number] if number >= 0 else None for number in shown]
        starts_of, successes = [row.start_seed for row in rows], [row.success for row in rows]
        columns["mode"] = tuple(labels)
        found["multimodality"] = summarise_modes(task.modes, labels, successes, starts_of).as_json()
    behaviour = task.part(Behaviour) or Behaviour()
    if behaviour.plan_of is not None:
        n_action_steps = cell.policy.horizon.n_action_steps
        plans = [_plans(episode, behaviour.plan_of, n_action_steps) for episode in episodes]
        found["commitment"] = asdict(commitment(plans, [row.start_seed for row in rows]))
    if behaviour.conditional is not None:
        demonstrator = scripted_demonstrator(task).policy(task)
        policy = open_policy(cell.policy, device=cell.device)
        found["actions"] = compare_actions(policy, task, demonstrator, behaviour.conditional).as_json()
    summary = names_of_version_2(found)
    return Record(
        identity=cell.identity,
        cell=EvaluatedCell.model_validate(cell.content, strict=False),
        modes=task.modes,
        summary={name: _rounded(value) for name, value in summary.items()},
        episodes=Episodes(**columns),
        latency=latency,
        provenance=Provenance.model_validate(provenance()),
    )


def _plans(episode: Episode, plan_of: PlanOf, n_action_steps: int) -> list[Plan | None]:
    """What the executed part of each chunk headed for."""
    state = episode.environment_state
    return [
        plan_of(
            episode.agent_pos[at], state[at] if state is not None else None, episode.actions[at : at + n_action_steps]
        )
        for at in range(0, len(episode.actions), n_action_steps)
    ]


def _columns(rows: list[EpisodeFigures]) -> dict[str, Any]:
    table = [asdict(row) for row in rows]
    return {key: tuple(_number(row[key]) for row in table) for key in table[0]}


def _rounded(value: Any) -> Estimate | float:
    if isinstance(value, dict):
        return Estimate(**{key: round(inner, DECIMALS) for key, inner in value.items()})
    return round(float(value), DECIMALS)


def _number(value: EpisodeValue) -> EpisodeValue:
    return round(value, DECIMALS) if isinstance(value, float) else value
