"""The committed records are whole, and everything that is written from them is what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from dpbench.leaderboard.across import PROFILES, across
from dpbench.leaderboard.across_figure import profiles_digest
from dpbench.leaderboard.documents import written
from dpbench.leaderboard.figure import figure_digest
from dpbench.leaderboard.frame import page_frame, read_frame
from dpbench.leaderboard.html.content import content
from dpbench.leaderboard.html.page import PAGE, html
from dpbench.leaderboard.html.videos import read_videos
from dpbench.leaderboard.modes_figure import modes_digest, with_modes
from dpbench.leaderboard.pages import FIGURES, pages, short
from dpbench.leaderboard.pictures import read_digest
from dpbench.leaderboard.real_time_figure import real_time_digest, with_real_time
from dpbench.leaderboard.render import CSV
from dpbench.leaderboard.selection import Protocol, shown_records
from dpbench.leaderboard.tables import by_task
from dpbench.records import store
from dpbench.records.record import Record
from dpbench.records.schema import schema

ROOT = Path(__file__).parents[1]
BOARD = ROOT / "leaderboards"
FOLDERS = (BOARD, BOARD / "symmetric")
RECORDS = store.read_all(BOARD / "records")
AGAIN = "write it again: dpbench leaderboard render (for symmetric: see its --help)"


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def board(request: pytest.FixtureRequest) -> tuple[Path, list[Record], pd.DataFrame]:
    """A folder of pages, the records that it shows, and their rows."""
    folder: Path = request.param
    records = shown_records(BOARD / "records", Protocol(starts=None if folder == BOARD else folder.name))
    return folder, records, page_frame(records)


def test_the_schema_is_that_of_the_models() -> None:
    assert json.loads((BOARD / "schema.json").read_text()) == schema(), (
        "write it again: python -m dpbench.records.schema leaderboards/schema.json"
    )


def test_the_table_is_what_the_records_say(board: tuple[Path, list[Record], pd.DataFrame]) -> None:
    folder, _, table = board
    assert table.to_csv(index=False) == (folder / CSV).read_text(), AGAIN
    assert read_frame(folder / CSV).to_csv(index=False) == table.to_csv(index=False), "it is read as it was written"


def test_the_pages_are_what_the_records_say(board: tuple[Path, list[Record], pd.DataFrame]) -> None:
    folder, records, table = board
    expected = pages(table, records, folder)
    assert {path.name for path in folder.glob("*.md")} == set(expected), "no page is left from before"
    for name, text in expected.items():
        assert (folder / name).read_text() == text, f"{name}: {AGAIN}"


def test_the_html_page_is_what_the_records_say(board: tuple[Path, list[Record], pd.DataFrame]) -> None:
    folder, records, table = board
    assert (folder / PAGE).read_text() == html(content(table, records, read_videos(folder))), AGAIN


def test_the_figures_are_what_the_records_say(board: tuple[Path, list[Record], pd.DataFrame]) -> None:
    folder, records, table = board
    overall = across(table, records)
    expected = {} if overall is None else {PROFILES: profiles_digest(overall)}
    for task, part in by_task(table):
        expected[f"{short(task)}.png"] = figure_digest(part)
        if len(modes := with_modes(part)):
            expected[f"{short(task)}-modes.png"] = modes_digest(modes)
        if len(timed := with_real_time(part)):
            expected[f"{short(task)}-real-time.png"] = real_time_digest(timed)
    assert {path.name: read_digest(path) for path in (folder / FIGURES).glob("*.png")} == expected, AGAIN


def test_no_table_of_a_page_has_more_than_ten_columns() -> None:
    for folder in FOLDERS:
        for path in folder.glob("*.md"):
            for line in path.read_text().splitlines():
                assert not line.startswith("|") or line.count("|") <= 11, f"{path}: {line}"


@pytest.mark.parametrize("name", ["README.md", "docs/metrics.md"])
def test_tables_inside_documents_are_what_records_and_metrics_say(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "<!-- table: " in text or "<!-- metrics -->" in text
    assert written(text, read_frame(BOARD / CSV)) == text, f"write it: python -m dpbench.leaderboard.documents {name}"


def test_the_papers_six_have_three_training_seeds() -> None:
    seeds: dict[str, set[int | None]] = {}
    for record in RECORDS:
        policy = record.policy
        if policy.preset == "small" and policy.step == 10_000:
            seeds.setdefault(policy.baseline, set()).add(policy.seed)
    for name in ("mlp-bc", "lstm-gmm", "ibc", "bet", "diffusion-cnn", "diffusion-transformer"):
        assert len(seeds[name]) >= 3, name
