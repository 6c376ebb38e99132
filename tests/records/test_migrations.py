"""Records of older versions: every number is kept, and the committed ones have been migrated."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dpbench.records.migrations import migrate
from dpbench.records.reading import read
from dpbench.records.record import SCHEMA_VERSION, Record

HERE = Path(__file__).parent
FIRST = sorted((HERE / "v1").glob("*.json"))
BOARD = HERE.parents[1] / "leaderboards"
with (HERE / "numbers_before_migration.csv").open() as file:
    BEFORE = {row["file"]: row for row in csv.DictReader(file)}
"""Of every record that was written in version 1: how many numbers it held, and the SHA-256 of them in order."""


def numbers(content: Any) -> Iterator[float]:
    """Every number and truth value, wherever it stands."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key != "schema_version":
                yield from numbers(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from numbers(value)
    elif isinstance(content, int | float):
        yield float(content) + 0.0  # -0 and 0 are one number


def with_what_follows(record: Record) -> list[float]:
    """The numbers of a record, and those of version 1 that follow from them; in order."""
    kept = [*numbers(record.as_json()), len(record.episodes), record.n_starts]
    if record.modes:
        counts = record.mode_counts()
        kept += [*counts.values(), len(record.episodes) - sum(counts.values())]
    return sorted(map(float, kept))


def digest(values: list[float]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@pytest.mark.parametrize("path", FIRST, ids=lambda path: path.stem)
def test_every_number_of_a_first_record_is_kept(path: Path) -> None:
    old = json.loads(path.read_text())
    assert Counter(with_what_follows(read(path))) == Counter(numbers(old))


def test_figures_stand_where_they_are_looked_for() -> None:
    old = json.loads((HERE / "v1/modes.json").read_text())
    new = read(HERE / "v1/modes.json")
    assert new.schema_version == SCHEMA_VERSION
    assert new.number("success") == old["summary"]["success_rate"]["mean"]
    assert new.number("plan_consistency") == old["commitment"]["mean"]
    assert new.number("energy_distance_floor") == old["actions"]["energy_distance_floor"]
    assert new.mode_counts() == old["multimodality"]["counts"]
    entropy = new.estimate("behaviour_entropy_corrected")
    assert entropy is not None
    assert entropy.high == old["multimodality"]["behaviour_entropy_corrected"]["high"]
    assert new.episodes_provenance is not None
    assert new.episodes_provenance.date_utc == old["episodes_of"]["date_utc"]


def test_a_migration_takes_nothing_from_its_argument_and_is_done_once() -> None:
    old = json.loads((HERE / "v1/modes.json").read_text())
    text = json.dumps(old)
    new = migrate(old)
    assert json.dumps(old) == text
    assert migrate(new) == new


def test_the_committed_records_hold_the_numbers_of_the_first_version() -> None:
    paths = {path.relative_to(BOARD).as_posix(): path for path in BOARD.rglob("records/*.json")}
    assert len(BEFORE) == 141
    assert set(BEFORE) <= set(paths)
    for name, row in BEFORE.items():
        values = with_what_follows(read(paths[name]))
        assert (len(values), digest(values)) == (int(row["n_numbers"]), row["sha256"]), name


def test_the_committed_records_are_of_the_present_version() -> None:
    for path in BOARD.rglob("records/*.json"):
        assert json.loads(path.read_text())["schema_version"] == SCHEMA_VERSION, path
