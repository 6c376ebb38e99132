"""A record's file as a `Record`: older versions are migrated, and what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path

from dpbench.errors import DataError
from dpbench.files.reading import Kind, as_model, read_json
from dpbench.records.consistency import contradictions
from dpbench.records.migrations import migrate
from dpbench.records.record import SCHEMA_VERSION, Record

RECORD = Kind(DataError, "put it right, or delete the file and run the comparison again", limit_bytes=64 * 2**20)


def read(path: Path) -> Record:
    """One record, of this version or an older one.

    Raises:
        DataError: in one line that names file, field and value.
    """
    content = read_json(path, RECORD, inside=path.parent)
    version = content.get("schema_version")
    if type(version) is not int:
        raise RECORD.wrong(path, "is not a record, it has no schema_version")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema_version {version}, this dpbench knows up to {SCHEMA_VERSION}; update dpbench."
        )
    try:
        content = migrate(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise RECORD.wrong(path, f"is not a record of schema_version {version} ({error!r})") from error
    record = as_model(content, Record, path, RECORD)
    for contradiction in contradictions(record):
        raise RECORD.wrong(path, contradiction)
    return record
