"""The rows of a frame as tables of text: for the terminal, for notebooks and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from dpbench.leaderboard.columns import NONE, Column, columns_of, legend, tables

WIDE_FROM = 170
"""Terminal width from which both tables of a task are shown as one."""


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
    lines = ["| " + " | ".join(text.columns) + " |", "|" + "---|" * len(text.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in text.itertuples(index=False)]
    return "\n".join(lines)


def by_task(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows by task."""
    for task, part in table.groupby("task", sort=False):
        yield str(task), part.reset_index(drop=True)


def print_table(table: pd.DataFrame, console: Console) -> None:
    """One table a task; a narrow terminal gets the main columns."""
    explained: list[Column] = []
    for task, part in by_task(table):
        first, second = tables(part)
        heads = {column.head for column in first}
        wide = (*first, *(column for column in second if column.head not in heads))
        shown = wide if console.width >= WIDE_FROM else first
        result = Table(title=task, box=box.SIMPLE_HEAD, title_justify="left")
        for column in shown:
            result.add_column(column.head, no_wrap=column.head == "policy")
        for row in as_text(part, shown).itertuples(index=False):
            result.add_row(*map(str, row))
        console.print(result)
        explained += shown
    _print_legend(explained, console)


def print_one(table: pd.DataFrame, console: Console) -> None:
    """A single record, one metric a line."""
    shown = [column for column in columns_of(table["task"][0]) if column.text(table.to_dict("records")[0]) != NONE]
    result = Table(box=None, show_header=False)
    for head, value in as_text(table, shown).iloc[0].items():
        result.add_row(f"[bold]{head}[/bold]", str(value))
    console.print(result)
    _print_legend(shown, console)


def _print_legend(columns: Sequence[Column], console: Console) -> None:
    console.print(legend(columns).replace("**", "").removesuffix("\n"), style="dim", markup=False)
