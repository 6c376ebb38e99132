"""The columns of the tables that people read: those of the table of metrics, and what is known of a policy.

A column means the same in every table. A page shows at most ten of a task; what does not fit follows in a second table
of at most ten, and everything is in `table.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dpbench.escaping import in_markdown
from dpbench.metrics.metric import Metric, Shown
from dpbench.metrics.table import metrics_of
from dpbench.tasks import load_task

NONE = "-"
"""Shown for what a policy or a task does not have."""
MOST = 10

Row = Mapping[str, Any]
"""A row of `dpbench.leaderboard.frame.frame`."""


@dataclass(frozen=True)
class Column:
    """A column for people.

    Attributes:
        head: its heading.
        explanation: for the legend; empty for what explains itself.
        text: of a row.
        shown: where.
    """

    head: str
    explanation: str
    text: Callable[[Row], str]
    shown: Shown


def columns_of(task_id: str) -> tuple[Column, ...]:
    """All columns of a task, the most important first."""
    task = load_task(task_id)
    metrics = [metric for metric in metrics_of(task) if metric.shown >= Shown.IN_SECOND_TABLE]
    score = next(number for number, metric in enumerate(metrics) if metric.name == "score") + 1 + len(task.stages)
    return (
        POLICY,
        of_metric(metrics[0]),
        LETTERS,
        *map(of_metric, metrics[1:score]),
        *OF_POLICY,
        *map(of_metric, metrics[score:]),
    )


def tables(part: pd.DataFrame) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The columns of the two tables of a task.

    Args:
        part: rows of one task; a column that none of them has is left out, and so is a score that is the success rate.
    """
    rows = part.to_dict("records")
    redundant = {"score"} if same_as_success(part) else set()
    known = [
        column
        for column in columns_of(rows[0]["task"])
        if column.head not in redundant and any(column.text(row) not in (NONE, "") for row in rows)
    ]
    wanted = [column for column in known if column.shown >= Shown.IN_TABLE]
    first, rest = wanted[:MOST], [*wanted[MOST:], *(column for column in known if column.shown < Shown.IN_TABLE)]
    names = [column for column in first if column.head in NAMES]
    return tuple(first), tuple([*names, *rest][:MOST]) if rest else ()


def same_as_success(part: pd.DataFrame) -> bool:
    """Whether the score of a task is nothing else than its success rate, as where success is the only reward."""
    return bool(((part["score"] - part["success_rate"]).abs() < 5e-7).all())


def of_metric(metric: Metric) -> Column:
    """The column of a metric: its number, with its interval in brackets where that is shown."""

    def text(row: Row) -> str:
        if pd.isna(row.get(metric.column)):
            return NONE
        parts = [metric.column, f"{metric.column}_low", f"{metric.column}_high"][: 3 if metric.with_interval else 1]
        mean, *ends = (format(row[name], metric.format) for name in parts)
        return f"{mean} [{', '.join(ends)}]" if ends else mean

    better = f" ({metric.better} is better)" if metric.better != "neither" else ""
    return Column(metric.head, metric.explanation + better, text, metric.shown)


BRACKETS = "Brackets are 95 % intervals over start states and, where there are several, training seeds."


def legend(columns: Sequence[Column], escape: Callable[[object], str] = in_markdown) -> str:
    """What the columns mean, as a list.

    Args:
        columns: of a table.
        escape: of their heads and explanations, some of which tasks declare.
    """
    explained = {column.head: column.explanation for column in columns if column.explanation}
    lines = (f"- **{escape(head)}**: {escape(text)}" for head, text in explained.items())
    return "\n".join([*lines, "", BRACKETS])


def _milliseconds(row: Row) -> str:
    return f"{1e3 * row['call_p50_s']:.1f} / {1e3 * row['call_p95_s']:.1f}"


def _steps(row: Row) -> str:
    return f"{int(row['step']):,}" if pd.notna(row["step"]) else NONE


def _by_seed(row: Row) -> str:
    return " ".join(f"{float(score):.2f}" for score in row["score_by_seed"].split()) if _n_seeds(row) > 1 else NONE


def _n_seeds(row: Row) -> int:
    return len(row["score_by_seed"].split())


POLICY = Column("policy", "", lambda row: str(row["policy"]), Shown.IN_TABLE)
LETTERS = Column(
    "letters",
    "policies that share a letter are not told apart by their success: McNemar's exact test on the starts that both "
    "ran, Holm's correction over all pairs of the table, 5 %",
    lambda row: str(row.get("letters") or NONE) if pd.notna(row.get("letters")) else NONE,
    Shown.IN_TABLE,
)
OF_POLICY = (
    Column(
        "published",
        "average that the literature reports for the method on this task, or one number a stage, with its own data, "
        "network size and training; the sources stand under the published results of the task",
        lambda row: row["published"] if isinstance(row["published"], str) else NONE,
        Shown.IN_TABLE,
    ),
    Column(
        "inference ms",
        "inference latency of a call (one chunk) for one environment: median / 95th percentile (lower is better)",
        _milliseconds,
        Shown.IN_TABLE,
    ),
    Column("training steps", "gradient steps", _steps, Shown.IN_TABLE),
    Column("sampling", "how the policy samples", lambda row: row["sampling"] or NONE, Shown.IN_SECOND_TABLE),
    Column("score by seed", "score of each training seed", _by_seed, Shown.IN_SECOND_TABLE),
    Column(
        "parameters",
        "of the networks",
        lambda row: f"{row['n_parameters'] / 1e6:.2f} M" if row["n_parameters"] else NONE,
        Shown.IN_SECOND_TABLE,
    ),
)
NAMES = ("policy", "training steps")
"""Heads of the columns that name a row; the second table begins with them."""
