"""The stages of an evaluation: its episodes, beside those of others; the timing of its policy, alone; real time.

The episodes in real time come last, where they are asked for, since they need the latency that was measured.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.engines.engine import Needs, Progress, Work, gpus_of
from dpbench.comparison.evaluate import add_real_time, roll_out, time_policy
from dpbench.comparison.new_record import provenance_of
from dpbench.comparison.suites.stage import Stage
from dpbench.comparison.suites.store import KEPT, Store
from dpbench.errors import DataError, EvaluationError
from dpbench.files.reading import as_model
from dpbench.records import store as records
from dpbench.records.machine import Latency, Provenance
from dpbench.records.record import Record
from dpbench.records.trajectories import pack


@dataclass(frozen=True)
class Evaluated:
    """An evaluation of a suite.

    Attributes:
        cell: the request, as a process elsewhere looks it up.
        identity: SHA-256 of everything that decides the result.
        title: for people.
        commit: only records made at this commit count; None for any.
    """

    cell: Cell
    identity: str
    title: str
    commit: str | None = None

    def record(self, store: Store) -> Record | None:
        """The newest record, None where there is none."""
        return records.find(store.records, self.identity, self.commit)


@dataclass(frozen=True)
class Rollouts:
    """The episodes of an evaluation."""

    evaluated: Evaluated
    store: Store

    @property
    def key(self) -> str:
        """The identity of the record."""
        return self.evaluated.identity

    @property
    def title(self) -> str:
        """For people."""
        return self.evaluated.title

    @property
    def needs(self) -> Needs:
        """One core, and a GPU where the policy wants one."""
        return Needs(gpus=gpus_of(self.evaluated.cell.device))

    def is_done(self) -> bool:
        """There is a record, or episodes that wait for their timing."""
        return self.evaluated.record(self.store) is not None or self.untimed() is not None

    def untimed(self) -> tuple[dict[str, Any], bytes] | None:
        """Episodes without a latency; such of another commit do not count where records of it do not."""
        kept = self.store.episodes(self.key)
        commit = self.evaluated.commit
        if kept is None or (commit is not None and kept[0]["provenance"]["commit"]["id"] != commit):
            return None
        return kept

    def work(self) -> Work:
        """All episodes in one process."""
        return partial(rolled_out, self.evaluated.cell, self.key)

    def keep(self, result: object) -> None:
        """Keep the episodes until they have a latency."""
        untimed, trajectories = _pair(result)
        self.store.keep_episodes(self.key, untimed, trajectories)

    def following(self) -> Sequence[Stage]:
        """The timing."""
        return (Timing(self.evaluated, self.store),)

    def lost(self) -> Sequence[str]:
        """The evaluation itself."""
        return (self.evaluated.title,)


@dataclass(frozen=True)
class Timing:
    """The timing of a policy whose episodes are known; its result is the record."""

    evaluated: Evaluated
    store: Store

    @property
    def key(self) -> str:
        """Of this stage: another process may time while a third rolls out."""
        return hashlib.sha256(f"timing {self.evaluated.identity}".encode()).hexdigest()

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.evaluated.title}: latency"

    @property
    def needs(self) -> Needs:
        """The machine for itself."""
        return Needs(gpus=gpus_of(self.evaluated.cell.device), alone=True)

    def is_done(self) -> bool:
        """There is a record."""
        return self.evaluated.record(self.store) is not None

    def work(self) -> Work:
        """Single calls, one thread."""
        return partial(timed, self.evaluated.cell, self.evaluated.identity)

    def keep(self, result: object) -> None:
        """Write the record.

        Raises:
            DataError: when the episodes are gone.
        """
        latency, of_timing = _pair(result)
        rollouts = Rollouts(self.evaluated, self.store)
        kept = rollouts.untimed()
        if kept is None:
            raise DataError(f"{self.evaluated.title}: its episodes are gone; run the same command again.")
        untimed, trajectories = kept
        path = self.store.folder / "episodes" / f"{rollouts.key}.json"
        record = as_model({**untimed, "latency": latency}, Record, path, KEPT)
        timed_at, rolled_at = Provenance.model_validate_json(of_timing), record.provenance
        if timed_at != rolled_at.model_copy(update={"date_utc": timed_at.date_utc}):
            record = record.model_copy(update={"provenance": timed_at, "episodes_provenance": rolled_at})
        records.add(self.store.records, record, trajectories)
        self.store.drop_episodes(rollouts.key)

    def following(self) -> Sequence[Stage]:
        """The episodes in real time, where they are asked for."""
        return (InRealTime(self.evaluated, self.store),) if self.evaluated.cell.real_time else ()

    def lost(self) -> Sequence[str]:
        """The evaluation itself."""
        return (self.evaluated.title,)


@dataclass(frozen=True)
class InRealTime:
    """The episodes of an evaluation in real time, added to its record."""

    evaluated: Evaluated
    store: Store

    @property
    def key(self) -> str:
        """Of this stage."""
        return hashlib.sha256(f"real time {self.evaluated.identity}".encode()).hexdigest()

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.evaluated.title}: real time"

    @property
    def needs(self) -> Needs:
        """One core; the machine for itself where the record is too old to hold the times of calls."""
        return Needs(gpus=gpus_of(self.evaluated.cell.device), alone=self._record().latency.times_s is None)

    def is_done(self) -> bool:
        """The record has them."""
        return self._record().real_time is not None

    def work(self) -> Work:
        """All episodes in one process."""
        return partial(ran_in_real_time, self.evaluated.cell, self._record().model_dump_json())

    def keep(self, result: object) -> None:
        """Write the record again, with them."""
        records.add(self.store.records, Record.model_validate_json(str(result)))

    def following(self) -> Sequence[Stage]:
        """Nothing."""
        return ()

    def lost(self) -> Sequence[str]:
        """The episodes in real time."""
        return (self.title,)

    def _record(self) -> Record:
        record = self.evaluated.record(self.store)
        if record is None:
            raise DataError(f"{self.evaluated.title}: its record is gone; run the same command again.")
        return record


def ran_in_real_time(cell: Cell, record: str, progress: Progress) -> str:
    """In the process that does it: a record, as JSON, with its episodes in real time."""
    known = Record.model_validate_json(record)
    resolved = _same(cell, known.identity)
    return add_real_time(resolved, known, 1, _counted(progress, len(resolved.trials))).model_dump_json()


def rolled_out(cell: Cell, identity: str, progress: Progress) -> tuple[dict[str, Any], bytes]:
    """In the process that does it: everything of a record but the latency, and its trajectories.

    Raises:
        EvaluationError: for a policy or environment that fails.
    """
    resolved = _same(cell, identity)
    made = roll_out(resolved, _counted(progress, len(resolved.trials)))
    untimed = made.record.as_json()
    del untimed["latency"]
    return untimed, pack(made.recorded)


def timed(cell: Cell, identity: str, progress: Progress) -> tuple[dict[str, Any], str]:
    """In the process that does it: the latency of a policy, and where it was measured."""
    resolved = _same(cell, identity)
    progress(0, 1)
    latency: Latency = time_policy(resolved)
    return latency.model_dump(mode="json"), provenance_of(resolved).model_dump_json()


def _same(cell: Cell, identity: str) -> ResolvedCell:
    resolved = resolve(cell)
    if resolved.identity != identity:
        raise EvaluationError(
            f"{cell.policy}: is not what it was when the suite began (a checkpoint that was replaced, or another "
            f"version on this machine, {sys.platform}); run the same command again."
        )
    return resolved


def _counted(progress: Progress, total: int) -> Callable[[int], object]:
    """What is told of the number of episodes that have just ended, and tells how many that makes."""
    done = 0

    def on_done(n_episodes: int) -> None:
        nonlocal done
        done += n_episodes
        progress(done, total)

    return on_done


def _pair(result: object) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise DataError(f"a stage returned {type(result).__name__}, expected a pair.")
    return result
