"""Pages, table and figures are written from records, and figures only when they show something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dpbench.errors import DpbenchError
from dpbench.leaderboard.columns import MOST, tables
from dpbench.leaderboard.frame import frame, read_frame
from dpbench.leaderboard.pages import INDEX, families, pages
from dpbench.leaderboard.render import CSV, render
from dpbench.records.record import Record


@pytest.fixture
def records(record: Callable[..., Record]) -> tuple[Record, ...]:
    return record("bet", 42, 0.5), record("bet", 43, 0.6), record("ibc", 42, 0.7), record("hold", None, 0.1)


def test_everything_is_written_from_the_records(records: tuple[Record, ...], tmp_path: Path) -> None:
    table = render(records, tmp_path)
    assert table["policy"].tolist() == ["ibc", "bet", "hold"]
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == {
        INDEX, "index.html", "pusht.md", CSV, "figures/PushTKeypoints-v0.png",
    }  # fmt: skip
    index, page = ((tmp_path / name).read_text() for name in (INDEX, "pusht.md"))
    assert "[Push-T](pusht.md)" in index
    assert "| ibc | " in index
    assert "never edited by hand" in page
    assert "![Policies on PushTKeypoints-v0](figures/PushTKeypoints-v0.png)" in page
    assert "Chi et al. 2023, Tab. 1 (state)" in page, "published results carry their source"
    assert "torch 2, numpy not recorded, pymunk 6" in page, "what the task names, as far as the record knows it"
    assert read_frame(tmp_path / CSV).to_csv(index=False) == table.to_csv(index=False)


def test_the_table_does_not_depend_on_the_order_of_the_records(records: tuple[Record, ...]) -> None:
    assert frame(records).to_csv() == frame(records[::-1]).to_csv()


def test_a_figure_is_drawn_again_only_when_it_shows_something_else(records: tuple[Record, ...], tmp_path: Path) -> None:
    render(records, tmp_path)
    path = tmp_path / "figures/PushTKeypoints-v0.png"
    drawn = path.stat().st_mtime_ns
    render(records, tmp_path)
    assert path.stat().st_mtime_ns == drawn
    render(records[1:], tmp_path)
    assert path.stat().st_mtime_ns != drawn
    path.write_bytes(b"not a picture")
    render(records, tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_notes_and_pictures_of_people_are_shown_where_they_are(records: tuple[Record, ...], tmp_path: Path) -> None:
    for name in ("notes", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes/pusht.md").write_text("## Notes\n\nIt rained.\n")
    (tmp_path / "pictures/PushTKeypoints-v0.png").touch()
    page = pages(frame(records), records, tmp_path)["pusht.md"]
    assert "It rained." in page
    assert "![PushTKeypoints-v0](pictures/PushTKeypoints-v0.png)" in page


def test_a_page_shows_the_origin_of_its_own_records_only(records: tuple[Record, ...]) -> None:
    elsewhere = records[-1]
    cell = elsewhere.cell.model_copy(update={"task": "dpbench/Avoid-v0"})
    other = Record.model_validate({**dict(elsewhere), "cell": cell, "identity": cell.identity()}, strict=False)
    both = (*records, other)
    found = {family.title: family for family in families(frame(both), both)}
    assert set(found) == {"Push-T", "Avoid"}
    assert found["Avoid"].records == (other,)
    assert len(found["Push-T"].records) == 4


def test_a_table_has_ten_columns_at_most_and_the_second_takes_what_is_left(records: tuple[Record, ...]) -> None:
    first, second = tables(frame(records))
    assert [column.head for column in first] == [
        "policy", "success", "letters", "score", "published", "inference ms", "training steps",
    ]  # fmt: skip
    assert [column.head for column in second[:2]] == ["policy", "training steps"], "a row is named in both"
    assert max(len(first), len(second)) <= MOST
    alone = frame(records[-1:])
    assert "training steps" not in {column.head for column in tables(alone)[0]}, "nobody was trained"


def test_a_folder_that_cannot_be_written_is_named(records: tuple[Record, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DpbenchError, match="choose another folder with --output"):
        render(records, tmp_path / "file")


def test_superseded_tasks_stand_apart_at_the_end(record: Callable[..., Record], tmp_path: Path) -> None:
    def of(task: str) -> Record:
        one = record("bet", 42, 0.5)
        cell = one.cell.model_copy(update={"task": task})
        return Record.model_validate({**dict(one), "cell": cell, "identity": cell.identity()}, strict=False)

    both = [of("dpbench/Avoid-v0"), of("dpbench/Avoid-v1")]
    written = pages(frame(both), both, tmp_path)
    for name in (INDEX, "avoid.md"):
        current, superseded = written[name].split("## Superseded\n")
        assert "| bet | " in current
        assert "| bet | " in superseded
        assert "Avoid-v0" not in current.split("## Columns")[0]
    assert "Superseded by `dpbench/Avoid-v1`. " in written["avoid.md"]
    only_new = pages(frame(both[1:]), both[1:], tmp_path)
    assert "Superseded" not in only_new[INDEX] + only_new["avoid.md"]
