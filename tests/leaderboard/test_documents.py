"""Marked tables inside documents are written from the rows and from the table of metrics; the rest is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from dpbench.errors import DataError
from dpbench.leaderboard.documents import written
from dpbench.leaderboard.frame import frame
from dpbench.records.record import Record


@pytest.fixture
def table(record: Callable[..., Record]) -> pd.DataFrame:
    return frame([record("bet", 42, 0.5), record("hold", None, 0.1)])


def test_what_stands_between_the_marks_is_written(table: pd.DataFrame) -> None:
    text = written("before\n<!-- table: Push-T -->\nstale\n<!-- /table -->\nafter\n", table)
    assert text.startswith("before\n<!-- table: Push-T -->\n| policy | success | letters | published |")
    assert text.endswith("|\n<!-- /table -->\nafter\n")
    assert "stale" not in text
    assert written(text, table) == text
    assert written("no marks: <!-- table -->", table) == "no marks: <!-- table -->"


def test_the_table_of_metrics_is_written(table: pd.DataFrame) -> None:
    text = written("<!-- metrics -->\n<!-- /metrics -->", table)
    assert "| plan consistency | share of episodes in which no chunk goes back on a plan |" in text
    assert "E\\|X - Y\\|" in text, "a bar in a definition does not end its cell"


def test_a_family_that_is_not_there_is_named(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"Push-X.* it has Push-T"):
        written("<!-- table: Push-X -->\n<!-- /table -->", table)
