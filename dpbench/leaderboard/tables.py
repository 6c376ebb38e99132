"""The rows of a frame as tables of text: for the terminal, for notebooks and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from dpbench.escaping import in_terminal, markdown_table, printable
from dpbench.leaderboard.columns import NONE, Column, columns_of, legend, tables

WIDE_FROM = 170
"""Terminal width from which both tables of a task are shown as one."""
PADDING = 3
"""Characters beside each column."""


def as_text(part: pd.DataFrame, columns: Sequence[Column] | None = None) -> pd.DataFrame:
    """Rows of one task as text.

    Args:
        part: of `frame`.
        columns: those to show; all that the task has by default.
    """
    rows = part.to_dict("records")
    shown = columns_of(rows[0]["task"]) if columns is None else columns
    return pd.DataFrame({column.head: [column.text(row) for row in rows] for column in shown})


def markdown(text: pd.DataFrame) -> str:
    """A Markdown table."""
    return markdown_table(text.columns, text.itertuples(index=False))


def by_task(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows by task."""
    for task, part in table.groupby("task", sort=False):
        yield str(task), part.reset_index(drop=True)


def print_table(table: pd.DataFrame, console: Console) -> None:
    """One table a task; a terminal gets the main columns that fit, and a wide one all of them."""
    explained: list[Column] = []
    for task, part in by_task(table):
        first, second = tables(part)
        heads = {column.head for column in first}
        wide = (*first, *(column for column in second if column.head not in heads))
        text = as_text(part, wide if console.width >= WIDE_FROM else first)
        heads = set(_fitting(text, console.width))
        shown = [column for column in wide if column.head in heads]
        result = Table(title=in_terminal(task), box=box.SIMPLE_HEAD, title_justify="left")
        for column in shown:
            result.add_column(in_terminal(column.head), no_wrap=True)
        for row in as_text(part, shown).itertuples(index=False):
            result.add_row(*map(in_terminal, row))
        console.print(result)
        explained += shown
    _print_legend(explained, console)


def _fitting(text: pd.DataFrame, width: int) -> list[str]:
    """Heads of the columns, in order of importance, that fit side by side; the first two in any case."""
    needed = [max(len(head), *map(len, cells)) + PADDING for head, cells in text.items()]
    n_fitting = int((np.cumsum(needed) + PADDING <= width).sum())
    return list(text.columns[: max(2, n_fitting)])


def print_one(table: pd.DataFrame, console: Console) -> None:
    """A single record, one metric a line."""
    shown = [column for column in columns_of(table["task"][0]) if column.text(table.to_dict("records")[0]) != NONE]
    result = Table(box=None, show_header=False)
    result.add_column(style="bold")
    result.add_column()
    for head, value in as_text(table, shown).iloc[0].items():
        result.add_row(in_terminal(head), in_terminal(value))
    console.print(result)
    _print_legend(shown, console)


def _print_legend(columns: Sequence[Column], console: Console) -> None:
    console.print(legend(columns, printable).replace("**", "").removesuffix("\n"), style="dim", markup=False)
