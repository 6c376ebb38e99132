"""What is wrong in a record's file is said in one line: file, field, value, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpbench.errors import DataError
from dpbench.records.migrations import migrate
from dpbench.records.reading import read

GOOD: dict[str, Any] = migrate(json.loads((Path(__file__).parent / "v1/modes.json").read_text()))
REMEDY = "; put it right, or delete the file and run the comparison again."
Change = Callable[[dict[str, Any]], object]


def written(folder: Path, change: Change) -> Path:
    content = json.loads(json.dumps(GOOD))
    change(content)
    path = folder / "edited.json"
    path.write_text(json.dumps(content))
    return path


CASES: dict[str, tuple[Change, str]] = {
    "a text for a number": (
        lambda record: record["summary"]["success"].update(mean="much"),
        'summary.success.mean = "much": expected a valid number' + REMEDY,
    ),
    "a text for an estimate": (
        lambda record: record["summary"].update(success="much"),
        'summary.success = "much": expected an object or a valid number' + REMEDY,
    ),
    "a number for a truth value": (
        lambda record: record["episodes"]["success"].__setitem__(3, 1),
        "episodes.success.3 = 1: expected a valid boolean" + REMEDY,
    ),
    "a text for a whole number": (
        lambda record: record["cell"]["policy"].update(step="10"),
        'cell.policy.step = "10": expected a valid integer' + REMEDY,
    ),
    "half an interval": (
        lambda record: record["summary"]["success"].pop("low"),
        "summary.success.low is missing" + REMEDY,
    ),
    "a part that is missing": (lambda record: record.pop("latency"), "latency is missing" + REMEDY),
    "a misspelt field": (
        lambda record: record["provenance"].update(comit=None),
        "provenance.comit = null: no such field" + REMEDY,
    ),
    "an unknown field": (lambda record: record.update(weather="fine"), 'weather = "fine": no such field' + REMEDY),
    "an episode that lacks a value": (
        lambda record: record["episodes"]["length"].pop(),
        "length has 49 values, start_seed has 50" + REMEDY,
    ),
    "another cell": (
        lambda record: record["cell"]["policy"].update(step=10),
        "identity is not the SHA-256 of cell: the two do not belong together" + REMEDY,
    ),
    "no version": (lambda record: record.pop("schema_version"), "it has no schema_version" + REMEDY),
    "a version to come": (
        lambda record: record.update(schema_version=3),
        "has schema_version 3, this dpbench knows up to 2; update dpbench.",
    ),
    "a version that it is not of": (
        lambda record: record.update(schema_version=1),
        "is not a record of schema_version 1 (KeyError('success_rate'))" + REMEDY,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, case: str) -> None:
    change, expected = CASES[case]
    path = written(tmp_path, change)
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(expected)
    assert "\n" not in message


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"identity": 1}', "null", '{"schema_version": true}'])
def test_a_file_that_is_not_a_record_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"bad\.json"):
        read(path)


def test_a_metric_that_this_version_does_not_know_is_kept(tmp_path: Path) -> None:
    def add(record: dict[str, Any]) -> None:
        record["summary"]["grace"] = {"mean": 0.5, "low": 0.25, "high": 0.75}
        record["episodes"]["grace"] = [0.5] * 50

    record = read(written(tmp_path, add))
    assert record.number("grace") == 0.5
    assert record.as_json()["episodes"]["grace"] == [0.5] * 50


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = read(written(tmp_path, lambda _: None))
    (tmp_path / "again.json").write_text(json.dumps(record.as_json()))
    assert read(tmp_path / "again.json") == record
    assert "seed" in record.as_json()["cell"]["policy"]
