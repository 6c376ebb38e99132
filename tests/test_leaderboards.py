"""The committed records are whole, and the committed table is what they say."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.page import all_tables
from dpbench.records import store
from dpbench.records.schema import schema

BOARD = Path(__file__).parents[1] / "leaderboards"
RECORDS = store.read_all(BOARD / "records")


def test_the_schema_is_that_of_the_models() -> None:
    assert json.loads((BOARD / "schema.json").read_text()) == schema(), (
        "write it again: python -m dpbench.records.schema leaderboards/schema.json"
    )


def test_the_table_is_what_the_records_say() -> None:
    with (BOARD / "table.csv").open() as file:
        shown = {part for row in csv.DictReader(file) for part in row["identity"].split()}
    newest = {record.identity[:12]: record for record in RECORDS if record.identity[:12] in shown}
    assert set(newest) == shown, "every row has its records"
    assert all_tables(frame(list(newest.values()))) == (BOARD / "table.md").read_text()


def test_the_papers_six_have_three_training_seeds() -> None:
    seeds: dict[str, set[int | None]] = {}
    for record in RECORDS:
        policy = record.policy
        if policy.preset == "small" and policy.step == 10_000:
            seeds.setdefault(policy.baseline, set()).add(policy.seed)
    for name in ("mlp-bc", "lstm-gmm", "ibc", "bet", "diffusion-cnn", "diffusion-transformer"):
        assert len(seeds[name]) >= 3, name
