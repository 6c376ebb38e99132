"""The files of a leaderboard, damaged or made to harm: its table, its pictures and the notes of people."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from dpbench.errors import DataError
from dpbench.escaping import csv_of
from dpbench.leaderboard.documents import written
from dpbench.leaderboard.frame import frame, read_frame
from dpbench.leaderboard.pages import pages, title_of
from dpbench.leaderboard.pictures import draw_if_changed, read_digest
from dpbench.records.record import Record

CELLS = (
    "", "nan", "inf", "-inf", "1e999", "x", "-1", "9" * 400, '"', '"a""b"', "'", "=1+1", "[/]", "\x1b[31m", "\0",
    "\u202e", "x" * 10_000, "{}", "[]", '"{""a"": -1}"', "dpbench/Avoid-v0", "dpbench/None-v0", "0.5 x",
)  # fmt: skip


def test_hostile_tables_are_taken_or_refused_in_one_line(
    tmp_path: Path, attack: Any, record: Callable[..., Record]
) -> None:
    path, rng = tmp_path / "table.csv", attack.rng
    good = csv_of(frame([record("bet", 42, 0.5), record("bet", 43, 0.6), record("hold", None, 0.1)]))
    rows = [line.split(",") for line in good.splitlines()]

    def take() -> None:
        table = read_frame(path)
        assert all(math.isfinite(value) for value in table["score"].dropna())
        for title in dict.fromkeys(table["task"].map(title_of)):
            text = written(f"<!-- table: {title} -->\n<!-- /table -->", table)
            assert text.endswith("<!-- /table -->")

    for number in range(1100):
        if number % 4 == 0:
            path.write_bytes(attack.bytes_of(good.encode()))
        else:
            changed = [list(row) for row in rows]
            row = rng.choice(changed if number % 4 == 1 else changed[1:])
            row[rng.randrange(len(row))] = rng.choice(CELLS)
            path.write_bytes("\n".join(",".join(row) for row in changed).encode("utf-8", "surrogatepass"))
        attack.outcome(path, take)
    path.write_text(good)
    take()
    attack.report("table.csv")
    for content in (b"", b"\xff\xfe\x00"):
        path.write_bytes(content)
        assert attack.outcome(path, take) == "refused"
    path.unlink()
    path.mkdir()
    assert attack.outcome(path, take) == "refused"


def test_a_damaged_picture_is_drawn_again(tmp_path: Path, attack: Any) -> None:
    path, digest = tmp_path / "a.png", "0" * 64
    draw_if_changed(path, digest, Figure)
    good = path.read_bytes()
    head = good.index(b"IDAT") - 4  # the digest stands before the picture itself
    for number in range(1100):
        path.write_bytes(attack.bytes_of(good[:head]) + good[head:] if number % 2 else attack.bytes_of(good))
        found = read_digest(path)
        attack.counts["read" if found == digest else "draw again"] += 1
        assert found is None or re.fullmatch(r"[\x00-\xff]*", found)
    print(f"pictures: {attack.counts.total()} inputs, {dict(attack.counts)}")
    assert attack.counts.total() == 1100
    assert min(attack.counts.values()) > 100
    path.unlink()
    path.symlink_to("/dev/zero")
    assert read_digest(path) is None


def test_notes_that_are_no_text_are_named(tmp_path: Path, record: Callable[..., Record]) -> None:
    made = (record("bet", 42, 0.5),)
    (tmp_path / "notes").mkdir()
    for content in (b"\xff\xfe", None):
        path = tmp_path / "notes/pusht.md"
        path.write_bytes(content) if content else (path.unlink(), path.mkdir())
        with pytest.raises(DataError, match=r"notes/pusht\.md: .*; write it again as text in UTF-8"):
            pages(frame(made), made, tmp_path)
