"""A record that is there already is not made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.evaluate import evaluate
from dpbench.records import store
from dpbench.records.record import Record


def known_or_evaluated(
    cell: ResolvedCell,
    records: Path,
    n_workers: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> Record:
    """The newest record of a cell, or a new one, which is kept.

    Args:
        cell: what to evaluate.
        records: folder of the records.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended, or were known.
    """
    record = store.newest(store.read_all(records), cell.identity)
    if record is not None:
        on_done(len(record.episodes))
        return record
    made = evaluate(cell, n_workers, on_done=on_done)
    return store.add(records, made.record, made.recorded)
