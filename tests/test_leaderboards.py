"""The committed records are whole, and the committed table is what they say."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dpbench.leaderboard.table import frame, markdown
from dpbench.records import store

BOARD = Path(__file__).parents[1] / "leaderboards"
RECORDS = store.read_all(BOARD / "records")
SCHEMA: dict[str, Any] = json.loads((BOARD / "schema.json").read_text())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record["identity"])[:12])
def test_a_record_has_what_the_schema_asks_for(record: dict[str, Any]) -> None:
    assert set(SCHEMA["required"]) <= set(record)
    for name, part in SCHEMA["properties"].items():
        if "required" in part:
            assert set(part["required"]) <= set(record[name]), name
    canonical = json.dumps(record["cell"], sort_keys=True, separators=(",", ":"))
    assert record["identity"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert {len(column) for column in record["episodes"].values()} == {record["summary"]["n_episodes"]}


def test_the_table_is_what_the_records_say() -> None:
    with (BOARD / "table.csv").open() as file:
        shown = {part for row in csv.DictReader(file) for part in row["identity"].split()}
    newest = {record["identity"][:12]: record for record in RECORDS if record["identity"][:12] in shown}
    assert set(newest) == shown, "every row has its records"
    assert markdown(frame(list(newest.values()))) == (BOARD / "table.md").read_text()


def test_the_papers_six_have_three_training_seeds() -> None:
    seeds: dict[str, set[int]] = {}
    for record in RECORDS:
        policy = record["cell"]["policy"]
        if policy["preset"] == "small" and policy["step"] == 10_000:
            seeds.setdefault(policy["baseline"], set()).add(policy["seed"])
    for name in ("mlp-bc", "lstm-gmm", "ibc", "bet", "diffusion-cnn", "diffusion-transformer"):
        assert len(seeds[name]) >= 3, name
