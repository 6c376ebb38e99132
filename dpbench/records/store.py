"""Records on disk: one small JSON file a run with its trajectories beside it, added and never changed."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from dpbench.errors import DpbenchError
from dpbench.escaping import in_file_name
from dpbench.files.writing import json_bytes, write_all
from dpbench.metrics.episode import EpisodeSet
from dpbench.records.reading import read
from dpbench.records.record import Record, TrajectoryFile
from dpbench.records.trajectories import digest, pack


def add(folder: Path, record: Record, recorded: EpisodeSet | bytes | None = None) -> Record:
    """Write a record under a name of its own; one of the same run is kept beside it, with its date in the name.

    The trajectories are written first: where a record says that it has them, they are there.

    Args:
        folder: of the records.
        record: to keep.
        recorded: its episodes, or the content of their file; None for a record of known episodes, whose trajectories,
            if any, are there.

    Returns:
        The record as it was written.

    Raises:
        DpbenchError: when the folder cannot be written.
    """
    path = _free(folder, record)
    files = {}
    if recorded is not None:
        _remove_orphans(folder, record)
        content = recorded if isinstance(recorded, bytes) else pack(recorded)
        files[path.with_suffix(".npz")] = content
        kept = TrajectoryFile(file=path.with_suffix(".npz").name, sha256=digest(content))
        record = record.model_copy(update={"trajectories": kept})
    try:
        write_all({**files, path: json_bytes(record.as_json())})
    except OSError as error:
        raise DpbenchError(f"{path}: record not saved ({error}); choose another folder with --records.") from error
    return record


def read_all(folder: Path) -> tuple[Record, ...]:
    """Every record of a folder, the oldest first.

    Raises:
        DataError: for a file that is not a record.
    """
    return _oldest_first(folder.glob("*.json"))


def newest(records: Sequence[Record], identity: str, commit: str | None = None) -> Record | None:
    """The last record of a run, made at `commit` where one is given; None when there is none."""
    for record in reversed(records):
        if record.identity == identity and commit in (None, record.provenance.commit.id):
            return record
    return None


def find(folder: Path, identity: str, commit: str | None = None) -> Record | None:
    """The newest record of a run, made at `commit` where one is given; only files with its name are read.

    Raises:
        DataError: for such a file that is not a record.
    """
    return newest(_oldest_first(folder.glob(f"*--{identity[:12]}--*.json")), identity, commit)


def _oldest_first(paths: Iterable[Path]) -> tuple[Record, ...]:
    """The records of these files; of two within a second, the later one's name is longer by its number (`_free`)."""
    records = [read(path) for path in sorted(paths, key=lambda path: (len(path.name), path.name))]
    return tuple(sorted(records, key=lambda record: record.provenance.date_utc))


def _stem(record: Record) -> str:
    """What the names of all records of a run begin with."""
    task = record.cell.task.rsplit("/", 1)[-1]
    return f"{in_file_name(task)}--{in_file_name(record.policy.baseline)}--{record.identity[:12]}--"


def _remove_orphans(folder: Path, record: Record) -> None:
    """Remove trajectories of the same run that no record names: the process was killed before it wrote the record."""
    stem = glob.escape(_stem(record))
    named = "".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.glob(f"{stem}*.json"))
    for path in folder.glob(f"{stem}*.npz"):
        if path.name not in named:
            path.unlink()


def _free(folder: Path, record: Record) -> Path:
    """A path that no record has."""
    date = record.provenance.date_utc.replace(":", "").replace("-", "")[:15]
    stem = _stem(record) + date
    path, number = folder / f"{stem}.json", 2
    while path.exists():  # two within a second
        path, number = folder / f"{stem}-{number}.json", number + 1
    return path
