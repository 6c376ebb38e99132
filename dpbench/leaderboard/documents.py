"""Tables inside documents that people write, kept in step with the records and with the table of metrics.

A document marks the place, and what stands between the marks is written by

    python -m dpbench.leaderboard.documents README.md docs/metrics.md

    <!-- table: FAMILY -->     the small table of that family of tasks, from leaderboards/table.csv
    <!-- metrics -->           the table of metrics, from dpbench.metrics.table
    <!-- /table -->, <!-- /metrics -->     where each ends
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd

from dpbench.errors import DataError
from dpbench.escaping import markdown_table
from dpbench.files.reading import Kind, read_text
from dpbench.files.writing import write_bytes
from dpbench.leaderboard.columns import NONE
from dpbench.leaderboard.frame import read_frame
from dpbench.leaderboard.overview import small_table
from dpbench.leaderboard.pages import is_superseded, title_of
from dpbench.metrics.metric import Metric, Shown
from dpbench.metrics.table import METRICS

TABLE = Path("leaderboards/table.csv")
DOCUMENT = Kind(DataError, "write it again as text in UTF-8", limit_bytes=2**24)
TABLES = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- /table -->)", re.DOTALL)
METRIC_TABLE = re.compile(r"(<!-- metrics -->\n).*?(<!-- /metrics -->)", re.DOTALL)
PLACES = {
    Shown.IN_TABLE: "first table",
    Shown.IN_SECOND_TABLE: "second table",
    Shown.IN_CSV: "`table.csv`",
    Shown.IN_RECORDS: "records",
}


def written(text: str, table: pd.DataFrame) -> str:
    """A document with its marked tables as the rows and the metrics have them now.

    Args:
        text: of the document.
        table: rows of the leaderboard.

    Raises:
        DataError: for a family that the rows do not have.
    """
    text = METRIC_TABLE.sub(lambda found: f"{found[1]}{metrics_table()}\n{found[2]}", text)
    return TABLES.sub(lambda found: f"{found[1]}{_family(table, found[2])}\n{found[3]}", text)


def metrics_table() -> str:
    """Every metric as a Markdown table."""
    heads = ("column", "definition", "unit", "better", "interval, 95 %", "in", "shown in")
    rows = [
        (
            metric.head or f"`{metric.column}`",
            _definition(metric),
            metric.unit,
            metric.better if metric.better != "neither" else NONE,
            metric.interval or NONE,
            metric.tasks.words,
            PLACES[metric.shown],
        )
        for metric in METRICS
    ]
    return markdown_table(heads, rows, escape=str)


def _definition(metric: Metric) -> str:
    source = f" ({metric.source})" if metric.source else ""
    return f"{metric.explanation}{source}".replace("|", r"\|")


def _family(table: pd.DataFrame, title: str) -> str:
    rows = table[(table["task"].map(title_of) == title) & ~table["task"].map(is_superseded)].reset_index(drop=True)
    if rows.empty:
        known = ", ".join(dict.fromkeys(table["task"].map(title_of)))
        raise DataError(f"<!-- table: {title} --> names no family of the leaderboard; it has {known}.")
    return small_table(rows)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        write_bytes(path, written(read_text(path, DOCUMENT), read_frame(TABLE)).encode())
