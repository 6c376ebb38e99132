"""What a comparison has to do for each cell: show its record, time it again, evaluate it, or leave it out."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.evaluate import add_real_time, evaluate, time_policy
from dpbench.comparison.new_record import provenance_of
from dpbench.comparison.reuse import KnownRecords
from dpbench.records.record import Record
from dpbench.tasks import missing_extra


class Action(enum.Enum):
    """What is done for a cell."""

    SHOW = enum.auto()
    """Its record is shown."""
    TIME = enum.auto()
    """Its episodes are known; the latency is measured again."""
    RUN_IN_REAL_TIME = enum.auto()
    """Its lock-step episodes are known; those in real time are added."""
    EVALUATE = enum.auto()
    """It is rolled out and timed."""
    LEAVE_OUT = enum.auto()
    """Its task cannot run here and it has no record."""


@dataclass(frozen=True)
class Step:
    """One cell of a comparison.

    Attributes:
        cell: what is compared.
        action: what is done.
        record: what is known, None where nothing is.
        missing: why nothing can be run here, None where it can or where nothing has to.
    """

    cell: ResolvedCell
    action: Action
    record: Record | None
    missing: str | None = None


def plan(
    cells: Sequence[ResolvedCell], known: KnownRecords, commit: str | None = None, retime: bool = False
) -> tuple[Step, ...]:
    """A step for each cell; opens no policy.

    Args:
        cells: what is compared.
        known: records so far.
        commit: only records made at this commit are reused; None for all. Of a task that cannot run here, any record
            is shown.
        retime: measure the latency of known records again.
    """
    missing = cache(missing_extra)
    return tuple(_step(cell, known, commit, retime, missing) for cell in cells)


def _step(
    cell: ResolvedCell, known: KnownRecords, commit: str | None, retime: bool, missing: Callable[[str], str | None]
) -> Step:
    record = known.of(cell, commit)
    lacks_real_time = record is not None and cell.real_time and record.real_time is None
    if record is not None and not retime and not lacks_real_time:
        return Step(cell, Action.SHOW, record)
    why = missing(cell.task.id)  # imports a simulator, therefore only where something has to run
    if why is not None:
        older = known.of(cell)
        return Step(cell, Action.SHOW if older is not None else Action.LEAVE_OUT, older, why)
    if record is None:
        return Step(cell, Action.EVALUATE, record)
    return Step(cell, Action.RUN_IN_REAL_TIME if lacks_real_time else Action.TIME, record)


def carry_out(
    step: Step, known: KnownRecords, n_workers: int, on_done: Callable[[int], object] = lambda _: None
) -> Record | None:
    """Do what a step says; a new record is kept at once, so that a killed comparison resumes there.

    Args:
        step: of a plan.
        known: records so far.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended.

    Returns:
        The record to show, None for a cell that is left out.

    Raises:
        EvaluationError: for a policy or an environment that fails; nothing is kept of it.
    """
    if step.action is Action.EVALUATE:
        made = evaluate(step.cell, n_workers, on_done=on_done)
        return known.add(made.record, made.recorded)
    if step.action is Action.RUN_IN_REAL_TIME and step.record is not None:
        return known.add(add_real_time(step.cell, step.record, n_workers, on_done))
    if step.action is Action.TIME and step.record is not None:
        return known.add(step.record.with_latency(time_policy(step.cell), provenance_of(step.cell)))
    return step.record
