"""A record from elsewhere: checked step by step, each step cheaper than the next, and added only if all hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from secrets import randbits
from typing import Literal

import numpy as np

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.new_record import probes_of
from dpbench.comparison.submissions.figures import (
    objections_to_episodes,
    objections_to_figures,
    unpacked_limit_bytes,
)
from dpbench.comparison.submissions.policy import cell_of, is_scripted, objections_to_policy
from dpbench.comparison.submissions.protocol import objections_to_numbers, objections_to_protocol
from dpbench.comparison.submissions.simulation import objections_to_simulation, played_again, same_machine
from dpbench.comparison.submissions.texts import objections_to_texts
from dpbench.comparison.submissions.verification import (
    agreement,
    made_again,
    objections_to_agreement,
    sample,
)
from dpbench.errors import DataError, DpbenchError
from dpbench.files.reading import Kind
from dpbench.metrics.episode import EpisodeSet
from dpbench.metrics.measure import measured
from dpbench.metrics.table import metrics_of
from dpbench.policies.opening import open_policy
from dpbench.provenance import hardware
from dpbench.records.reading import read
from dpbench.records.record import Episodes, Record
from dpbench.records.submission import Submission
from dpbench.records.trajectories import read_trajectories
from dpbench.tasks import load_task

REFUSED = Kind(DataError, "nothing was added", limit_bytes=0)
OTHER_MACHINE = 0.05
"""Relative; by which metrics of sampled chunks may differ where networks round otherwise."""


@dataclass(frozen=True)
class Wanted:
    """What to verify, and with what.

    Attributes:
        checkpoint: folder of the policy's checkpoint, or None.
        n_episodes: to make again from the policy; 0 for none, None for all.
        sample_seed: chooses them; None for one that nobody knows beforehand.
        n_workers: processes.
    """

    checkpoint: Path | None = None
    n_episodes: int | None = 0
    sample_seed: int | None = None
    n_workers: int = 1


@dataclass(frozen=True)
class Check:
    """A check that held: what was looked at, and what was found, in words."""

    what: str
    found: str


@dataclass(frozen=True)
class Checked:
    """A record that held.

    Attributes:
        record: with what it lacked computed, and the note of the submission.
        recorded: its episodes.
        checks: in their order.
    """

    record: Record
    recorded: EpisodeSet
    checks: tuple[Check, ...]


def check(path: Path, wanted: Wanted, on_done: Callable[[int], object] = lambda _: None) -> Checked:
    """Check a record with its trajectories beside it.

    Args:
        path: of its JSON.
        wanted: what to verify.
        on_done: called with the number of episodes that have just been made again.

    Raises:
        DpbenchError: in one sentence, for the first thing that does not hold.
    """
    record = read(path)
    if record.submission is not None:
        raise REFUSED.wrong(path, "has a note of a submission, which only `dpbench leaderboard add` writes")
    if record.real_time is not None:
        raise REFUSED.wrong(path, "real_time cannot be computed from the trajectories; leave it out")
    _demand(path, objections_to_texts(record))
    with _named(path):
        task = load_task(record.cell.task)
    _demand(path, chain(objections_to_protocol(record, task), objections_to_numbers(record)))
    if record.trajectories is None:
        raise REFUSED.wrong(path, "has no trajectories, so that its figures cannot be computed again")
    recorded = read_trajectories(path.parent, record.trajectories, task, unpacked_limit_bytes(record, task))
    _demand(path, objections_to_episodes(record, recorded))
    cell = _cell(path, record, wanted)
    recorded = _played(path, record, recorded, wanted, on_done)
    exactly = cell is not None and same_machine(
        record.origin_of_episodes, ("numpy", "torch", *task.packages, *cell.policy.packages)
    )
    whole, tolerance = _with_probes(path, record, recorded, cell, exactly)
    _demand(path, objections_to_figures(record, whole, tolerance))
    note = Submission(n_episodes=0, agreement=None, sample_seed=None, **_checker())
    checks = _held(record, recorded)
    if cell is not None and wanted.n_episodes != 0:
        verified, note = _verify(path, recorded, cell, wanted, exactly, on_done)
        checks += verified
    columns, summary = measured(whole, metrics_of(task))
    whole_record = record.model_copy(
        update={
            "submission": note,
            "summary": {**summary, **record.summary},
            "episodes": Episodes.model_validate({**columns, **record.episodes.columns()}),
        }
    )
    return Checked(whole_record, recorded, checks)


def _held(record: Record, recorded: EpisodeSet) -> tuple[Check, ...]:
    """What held for every record."""
    n_steps = sum(len(episode.rewards) for episode in recorded.episodes)
    n_columns = len(record.episodes.columns()) - 2  # without start and sampler seed
    return (
        Check("schema", f"version {record.schema_version}, identity {record.identity[:12]}"),
        Check("protocol", f"start seeds of {record.cell.starts}, {len(record.cell.start_seeds)}"),
        Check("trajectories", f"{len(recorded.episodes)} episodes, {n_steps:,} steps"),
        Check("simulator", f"{n_steps:,} recorded actions played again: rewards, scores and successes as recorded"),
        Check("figures", f"{n_columns} of each episode and {len(record.summary)} of all: as computed again"),
    )


def _demand(path: Path, objections: Iterable[str]) -> None:
    """Refuse a record for the first objection.

    Raises:
        DataError: when there is one.
    """
    for objection in objections:
        raise REFUSED.wrong(path, objection)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the record in what is wrong with its task, or its policy."""
    try:
        yield
    except DpbenchError as error:
        raise REFUSED.wrong(path, error) from error


def _cell(path: Path, record: Record, wanted: Wanted) -> ResolvedCell | None:
    """The cell of the record's policy; None where there is no policy to ask.

    Raises:
        DataError: when it cannot be had and was to be asked, or is another one.
    """
    if wanted.checkpoint is None and not is_scripted(record.policy):
        if wanted.n_episodes != 0:
            why = "cannot be verified without the checkpoint of its policy: name it with --checkpoint"
            raise REFUSED.wrong(path, why)
        return None
    if wanted.checkpoint is not None and record.policy.checkpoint_sha256 is None:
        raise REFUSED.wrong(path, "is of a policy without weights, to which no checkpoint belongs")
    with _named(path):
        cell = cell_of(record, wanted.checkpoint)
    _demand(path, objections_to_policy(record, cell))
    with _named(path):
        open_policy(cell.policy)  # its weights are what their SHA-256 says
    return cell


def _played(
    path: Path, record: Record, recorded: EpisodeSet, wanted: Wanted, on_done: Callable[[int], object]
) -> EpisodeSet:
    """The episodes with the states of the environment, which trajectories leave out.

    Raises:
        DataError: when the simulator gives something else for their actions.
    """
    task = recorded.task
    exactly = same_machine(record.origin_of_episodes, ("numpy", *task.packages))
    with _named(path):
        played = played_again(task, task.starts(record.cell.starts), recorded.episodes, wanted.n_workers, on_done)
    for told, (again, has_ended) in zip(recorded.episodes, played, strict=True):
        _demand(path, objections_to_simulation(told, again, has_ended, exactly))
    states = [again.environment_state for again, _ in played]
    episodes = (replace(told, environment_state=state) for told, state in zip(recorded.episodes, states, strict=True))
    return replace(recorded, episodes=tuple(episodes))


def _with_probes(
    path: Path, record: Record, recorded: EpisodeSet, cell: ResolvedCell | None, exactly: bool
) -> tuple[EpisodeSet, Mapping[str, float]]:
    """The episodes, with chunks sampled again where the record has figures of such, and the tolerance of these."""
    _, plain = measured(recorded, metrics_of(recorded.task))
    missing = [name for name in record.summary if name not in plain]
    if cell is None or not missing:
        return recorded, {}
    with _named(path):
        whole = replace(recorded, probes=probes_of(cell))
    return whole, {} if exactly else dict.fromkeys(missing, OTHER_MACHINE)


def _verify(
    path: Path,
    recorded: EpisodeSet,
    cell: ResolvedCell,
    wanted: Wanted,
    exactly: bool,
    on_done: Callable[[int], object],
) -> tuple[tuple[Check, ...], Submission]:
    """Make a sample of the episodes again.

    Raises:
        DataError: when it does not agree.
    """
    seed = wanted.sample_seed if wanted.sample_seed is not None else randbits(32)
    rows = sample(len(recorded.episodes), wanted.n_episodes, np.random.default_rng(seed))
    chosen = [recorded.episodes[row] for row in rows]
    with _named(path):
        again = made_again(cell, chosen, wanted.n_workers, on_done)
    found = agreement(chosen, again, cell.task, recorded.n_action_steps)
    _demand(path, objections_to_agreement(chosen, again, found, exactly))
    told: Literal["equal", "within tolerance"] = "equal" if found.n_equal == len(chosen) else "within tolerance"
    machine = "same processor and packages" if exactly else "other processor or packages"
    note = Submission(
        n_episodes=len(chosen),
        agreement=told,
        sample_seed=seed if len(chosen) < len(recorded.episodes) else None,
        **_checker(),
    )
    return (
        Check("policy", f"{len(chosen)} episodes made again ({machine}): {found.n_equal} equal in every number, "
              f"{found.n_outcomes} in success, {found.n_first_chunks} in their first actions; sample seed {seed}"),
    ), note  # fmt: skip


def _checker() -> dict[str, str]:
    """Who checks, and when."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"dpbench": version("dpbench"), "cpu": str(hardware()["cpu"]), "date_utc": date}


def refuse_known(path: Path, record: Record, known: Sequence[Record]) -> bool:
    """Whether this very record was added before.

    A newer record of a cell stands for it in every table, so that a submission would take the place of our own run.

    Args:
        path: of the record.
        record: that was checked.
        known: the records that are there.

    Raises:
        DataError: for another record of a cell that has one.
    """
    of_cell = [one for one in known if one.identity == record.identity]
    if any(_content(one) == _content(record) for one in of_cell):
        return True
    if of_cell:
        whose = "a submission" if of_cell[-1].submission is not None else "our own run"
        there = f"of {of_cell[-1].provenance.date_utc} with success {of_cell[-1].number('success'):g}"
        mine = f"{record.number('success'):g} in this one"
        raise REFUSED.wrong(path, f"its cell has a record already ({whose} {there}, {mine})")
    return False


def _content(record: Record) -> Record:
    """What stays of a record when it is added."""
    return record.model_copy(update={"submission": None, "trajectories": None})
