"""Records on disk: one small JSON file a run, added and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpbench.errors import DataError, DpbenchError
from dpbench.files import write_json

SCHEMA_VERSION = 1
REQUIRED = {"identity", "cell", "summary", "episodes", "latency", "provenance", "schema_version"}


def add(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a record under a name of its own; one of the same run is kept beside it, with its date in the name.

    Raises:
        DpbenchError: when the folder cannot be written.
    """
    cell = record["cell"]
    task = str(cell["task"]).rsplit("/", 1)[-1]
    date = str(record["provenance"]["date_utc"]).replace(":", "").replace("-", "")[:15]
    policy = str(cell["policy"]["baseline"]).replace(":", "-")
    stem = f"{task}--{policy}--{record['identity'][:12]}--{date}"
    path, number = folder / f"{stem}.json", 2
    while path.exists():  # two within a second
        path, number = folder / f"{stem}-{number}.json", number + 1
    try:
        write_json(path, {**record, "schema_version": SCHEMA_VERSION})
    except OSError as error:
        raise DpbenchError(f"{path}: record not saved ({error}); choose another folder with --records.") from error
    return path


def read_all(folder: Path) -> tuple[dict[str, Any], ...]:
    """Every record of a folder, the oldest first.

    Raises:
        DataError: for a file that is no record.
    """
    records = [_read(path) for path in sorted(folder.glob("*.json"))]
    return tuple(sorted(records, key=lambda record: str(record["provenance"]["date_utc"])))


def newest(records: tuple[dict[str, Any], ...], identity: str, commit: str | None = None) -> Mapping[str, Any] | None:
    """The last record of a run, made at `commit` where one is given; None when there is none."""
    record: Mapping[str, Any]
    for record in reversed(records):
        made_at = record["provenance"]["commit"]["id"]
        if record["identity"] == identity and commit in (None, made_at):
            return record
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a record ({error}); delete it and compare again.") from error
    missing = REQUIRED - set(record) if isinstance(record, dict) else REQUIRED
    if missing:
        raise DataError(f"{path} is no record: it lacks {', '.join(sorted(missing))}; delete it and compare again.")
    if record["schema_version"] != SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema_version {record['schema_version']}, expected {SCHEMA_VERSION}; update dpbench."
        )
    return record
