"""Lists of start states: those that results are reported from, and those that a checkpoint is chosen on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dpbench.errors import TaskError

SELECTION = "selection"
"""Name of the start states for choosing, which every task has."""
FIRST_FOR_CHOOSING, N_FOR_CHOOSING = 1_000_000_000, 50
"""Of a task that does not say which. No list that counts up from its first seed gets there, nor do demonstrations,
which begin at seeds 0, 1, ... and their repeats 1,000,000 further on."""


@dataclass(frozen=True)
class EvaluationStarts:
    """A fixed list of start states: seeds `first_seed, first_seed + 1, ...` with the options of `reset`."""

    name: str
    first_seed: int
    count: int
    reset_options: Mapping[str, object] = field(default_factory=dict)
    source: str = ""

    def seeds(self, count: int | None = None) -> tuple[int, ...]:
        """The first `count` reset seeds, by default all of the published list."""
        return tuple(range(self.first_seed, self.first_seed + (self.count if count is None else count)))

    def shares_seeds(self, other: EvaluationStarts, count: int | None = None) -> bool:
        """Whether a seed is in the first `count` of this list, by default all of it, and in the other one."""
        end = self.first_seed + (self.count if count is None else count)
        return self.first_seed < other.first_seed + other.count and other.first_seed < end


def for_choosing(
    task_id: str, declared: EvaluationStarts | None, reported: Sequence[EvaluationStarts]
) -> EvaluationStarts:
    """The start states that checkpoints of a task are chosen on: none that results are reported from.

    A policy that is chosen and reported on the same starts is reported too high: of several equal ones, the luckiest
    is taken.

    Args:
        task_id: for messages.
        declared: what the task says; None for seeds from 1,000,000,000 on, with the options of its first list.
        reported: the task's other lists.

    Raises:
        TaskError: when a seed is in both, or another list has the name.
    """
    options = dict(reported[0].reset_options) if reported else {}
    found = declared or EvaluationStarts(SELECTION, FIRST_FOR_CHOOSING, N_FOR_CHOOSING, options)
    if found.name != SELECTION or SELECTION in (starts.name for starts in reported):
        raise TaskError(
            f"{task_id}: {SELECTION!r} names the starts for choosing a checkpoint, and no others: name the lists of "
            "`evaluation` otherwise."
        )
    for starts in reported:
        if starts.shares_seeds(found):
            raise TaskError(
                f"{task_id}: seeds {found.first_seed} to {found.first_seed + found.count - 1} are for choosing a "
                f"checkpoint, and results are reported from some of them ({starts.name}: {starts.first_seed} to "
                f"{starts.first_seed + starts.count - 1}); choose others for TaskSpec.selection."
            )
    return found
