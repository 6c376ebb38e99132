"""Which record stands for a cell: the one rule of reuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.evaluate import add_real_time, evaluate
from dpbench.metrics.episode import EpisodeSet
from dpbench.records import store
from dpbench.records.completion import completed
from dpbench.records.record import Record


class KnownRecords:
    """The records of a folder, read once; new ones are added to both.

    Args:
        folder: of the records; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records = store.read_all(folder)

    def all(self) -> tuple[Record, ...]:
        """The oldest first."""
        return self._records

    def of(self, cell: ResolvedCell, commit: str | None = None) -> Record | None:
        """The newest record with the identity of a cell, or None.

        Args:
            cell: what was evaluated.
            commit: only a record made at this commit counts; None for any.
        """
        return store.newest(self._records, cell.identity, commit)

    def add(self, record: Record, recorded: EpisodeSet | None = None) -> Record:
        """Keep a record and its episodes.

        Args:
            record: to keep.
            recorded: its episodes; None for a record of known episodes.

        Returns:
            The record as it was written.

        Raises:
            DpbenchError: when the folder cannot be written.
        """
        kept = store.add(self._folder, record, recorded)
        self._records = (*self._records, kept)
        return kept

    def completed(self, record: Record) -> Record:
        """A record of the folder with the metrics that are newer than it, where its trajectories allow it."""
        return completed(record, self._folder)


def known_or_evaluated(
    cell: ResolvedCell,
    known: KnownRecords,
    n_workers: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> Record:
    """The newest record of a cell, or a new one, which is kept.

    Args:
        cell: what to evaluate.
        known: records so far.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended, or were known.
    """
    record = known.of(cell)
    if record is not None:
        on_done(len(record.episodes))
        if not cell.real_time:
            return record
        if record.real_time is None:
            return known.add(add_real_time(cell, record, n_workers, on_done))
        on_done(len(record.episodes))
        return record
    made = evaluate(cell, n_workers, on_done=on_done)
    return known.add(made.record, made.recorded)
