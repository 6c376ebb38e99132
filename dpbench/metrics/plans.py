"""Plan consistency: whether a policy keeps to what it set out to do, from one action chunk to the next.

A task that reads plans (`dpbench.metrics.behaviour.Behaviour.plan_of`) says what a chunk heads for: a question and its
answer, such as `("row 2", "gap 1")`. A rollout is consistent when it never changes its answer to a question.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from dpbench.metrics.behaviour import Behaviour, Plan, PlanOf
from dpbench.metrics.episode import Episode, EpisodeSet
from dpbench.metrics.statistics.intervals import Estimate, proportion


def plan_statistics(recorded: EpisodeSet) -> Mapping[str, Estimate]:
    """`plan_consistency`; nothing where the task reads no plans, or what it reads them from was not kept."""
    behaviour = recorded.task.part(Behaviour)
    kept = "environment_state" not in recorded.task.observations or all(
        episode.environment_state is not None for episode in recorded.episodes
    )
    if behaviour is None or behaviour.plan_of is None or not kept:
        return {}
    rollouts = [plans(episode, behaviour.plan_of, recorded.n_action_steps) for episode in recorded.episodes]
    return {"plan_consistency": plan_consistency(rollouts, recorded.starts.tolist())}


def plans(episode: Episode, plan_of: PlanOf, n_action_steps: int) -> list[Plan | None]:
    """The plan of each executed chunk of an episode."""
    state = episode.environment_state
    return [
        plan_of(
            episode.agent_pos[at], state[at] if state is not None else None, episode.actions[at : at + n_action_steps]
        )
        for at in range(0, len(episode.actions), n_action_steps)
    ]


def kept_plans(plans_of_rollout: Sequence[Plan | None]) -> tuple[int, int]:
    """How often a rollout kept its plan: successive plans that answer one question, and answer it alike.

    Args:
        plans_of_rollout: one a replan; a plan that shows nothing is None and is passed over.

    Returns:
        Kept answers, and all pairs of successive answers to one question.
    """
    shown = [plan for plan in plans_of_rollout if plan is not None]
    pairs = [(before, after) for before, after in itertools.pairwise(shown) if before[0] == after[0]]
    return sum(before == after for before, after in pairs), len(pairs)


def plan_consistency(rollouts: Sequence[Sequence[Plan | None]], starts: Sequence[int]) -> Estimate:
    """Share of rollouts that keep every plan, with its interval over starts.

    A rollout that shows no plan counts as consistent.

    Args:
        rollouts: the plans of each.
        starts: start seed of each.
    """
    pairs = [kept_plans(rollout) for rollout in rollouts]
    return proportion(np.array([kept == n_pairs for kept, n_pairs in pairs]), np.asarray(starts))
