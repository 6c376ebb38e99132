"""Short evaluations during training: they show whether a policy learns, and are not kept as records."""

from __future__ import annotations

import numpy as np

from dpbench.evaluation.rollout import rollout, trials
from dpbench.metrics.episode import EpisodeSet
from dpbench.metrics.measure import episode_columns
from dpbench.metrics.table import METRICS
from dpbench.policies.protocol import Policy
from dpbench.spec import TaskSpec
from dpbench.starts import SELECTION


def evaluate_while_training(policy: Policy, task: TaskSpec, n_episodes: int) -> dict[str, float]:
    """Success rate and mean largest reward from start states for choosing; no result is reported from them.

    Args:
        policy: in training.
        task: that it is trained for.
        n_episodes: start states, each run once.
    """
    starts = task.starts(SELECTION)
    episodes = rollout(policy, task, starts, trials(starts, n_episodes, (0,)))
    columns = episode_columns(EpisodeSet(task, episodes, policy.horizon.n_action_steps), METRICS)
    success, max_reward = (np.mean(np.array(columns[name], np.float64)) for name in ("success", "max_reward"))
    return {"success_rate": float(success), "mean_max_reward": float(max_reward)}
