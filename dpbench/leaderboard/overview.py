"""The small table of a family of tasks: one row a policy, for the index and the project's README."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dpbench.leaderboard.columns import NONE, Column, of_metric, tables
from dpbench.leaderboard.tables import as_text, by_task, markdown
from dpbench.metrics.metric import Shown
from dpbench.metrics.table import metrics_of
from dpbench.tasks import load_task

RULE = (
    "Of a policy that was trained with several budgets, the one with most training seeds is shown and, among equals, "
    "the one with fewest training steps."
)


def one_a_policy(part: pd.DataFrame) -> pd.DataFrame:
    """The row that stands for each policy (`RULE`), in the order of the table.

    Args:
        part: rows of one task.
    """
    ranked = part.assign(n_seeds=part["training_seeds"].str.split().str.len(), place=range(len(part)))
    ranked = ranked.sort_values(["n_seeds", "step", "place"], ascending=[False, True, True])
    return ranked.drop_duplicates("policy").sort_values("place", ignore_index=True)


def small_table(table: pd.DataFrame) -> str:
    """Markdown: of one task the first table of its page, of several their main metrics side by side.

    Args:
        table: rows of the tasks of a family.
    """
    parts = [(task, one_a_policy(part)) for task, part in by_task(table)]
    if len(parts) == 1:
        return markdown(as_text(parts[0][1], small_columns(table)))
    return markdown(_side_by_side(parts))


def small_columns(table: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of the small table of a family; side by side they stand once a task."""
    parts = list(by_task(table))
    if len(parts) == 1:
        return tables(one_a_policy(parts[0][1]))[0]
    return tuple({column.head: column for task, _ in parts for column in _compared(task)}.values())


def main_metrics(task_id: str) -> tuple[Column, ...]:
    """The columns that say how good a policy is: its stages where a task has them, success and score where not."""
    task = load_task(task_id)
    names = {stage.name for stage in task.stages} or {"success", "score"}
    return tuple(
        of_metric(metric) for metric in metrics_of(task) if metric.name in names and metric.shown is Shown.IN_TABLE
    )


def _compared(task_id: str) -> tuple[Column, ...]:
    """What several tasks are compared by: stages where they have them, success where not."""
    return tuple(column for column in main_metrics(task_id) if column.head != "score")


def _side_by_side(parts: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    columns: dict[str, dict[str, str]] = {}
    for task, part in parts:
        name = task.rsplit("/", 1)[-1]
        for column in _compared(task):
            head = name if column.head == "success" else f"{name} {column.head}"
            columns[head] = {row["policy"]: column.text(row) for row in part.to_dict("records")}
    # A policy is ranked by the mean of its places, so that one table has one order.
    places: dict[str, list[float]] = {}
    for _, part in parts:
        for place, policy in enumerate(part["policy"]):
            places.setdefault(str(policy), []).append(place / len(part))
    order = sorted(places, key=lambda policy: (sum(places[policy]) / len(places[policy]), policy))
    return pd.DataFrame(
        {
            "policy": order,
            **{head: [texts.get(policy, NONE) for policy in order] for head, texts in columns.items()},
        }
    )
