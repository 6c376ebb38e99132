"""The episodes of a cell: whatever evaluates a cell, or a part of it, rolls its policy out here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from dpbench.comparison.cells import ResolvedCell
from dpbench.evaluation.rollout import Frames, parallel_rollout
from dpbench.metrics.episode import Episode, Trial
from dpbench.policies.opening import open_policy


def episodes_of(
    cell: ResolvedCell,
    n_workers: int,
    trials: Sequence[Trial] | None = None,
    frames: Frames | None = None,
    on_done: Callable[[int], object] = lambda _: None,
    call_times_s: Sequence[float] | None = None,
) -> tuple[Episode, ...]:
    """Roll out the policy of a cell, in its task and with the options of its starts.

    Args:
        cell: whose policy acts.
        n_workers: processes; the episodes do not depend on it.
        trials: to run; None for all of the cell.
        frames: pictures to keep, or None.
        on_done: called with the number of episodes that have just ended.
        call_times_s: as in `parallel_rollout`.

    Raises:
        ConfigError, EvaluationError: as `parallel_rollout`.
    """
    opener = partial(open_policy, cell.policy, device=cell.device)
    wanted = cell.trials if trials is None else trials
    return parallel_rollout(
        opener, cell.task.id, cell.starts, wanted, n_workers, frames, on_done, call_times_s=call_times_s
    )
