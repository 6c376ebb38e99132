"""Learned methods beside each other over several tasks, for the index: a table, a figure, and who improves on whom."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dpbench.comparison.groups import Group
from dpbench.escaping import in_markdown
from dpbench.leaderboard.frame import group_of
from dpbench.leaderboard.overview import one_a_policy
from dpbench.leaderboard.tables import by_task, markdown
from dpbench.metrics.statistics.across_tasks import (
    estimate,
    interquartile_mean,
    probability_of_improvement,
    resampled,
)
from dpbench.metrics.statistics.estimators import BOOTSTRAP_SEED
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.policies.baseline import role_of
from dpbench.records.record import Record
from dpbench.tasks import load_task

FEWEST_TASKS = 3
"""From which methods are summed up over tasks."""
PROFILES = "across-tasks.png"
"""Name of the picture of performance profiles."""
SOURCE = "Agarwal et al. 2021, arXiv 2108.13264"
Cells = Mapping[tuple[str, str], Group]
"""(method, task) -> its records."""


@dataclass(frozen=True)
class Across:
    """Methods that all have a record of each of some tasks.

    Attributes:
        methods: the highest interquartile mean first.
        tasks: in the order of the table.
        scores: of each method.
        means: interquartile mean of each method.
        n_runs: number of runs (one a task and training seed) of each method.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    scores: tuple[tuple[NDArray[np.float64], ...], ...]
    means: tuple[Estimate, ...]
    n_runs: tuple[int, ...]


def across(table: pd.DataFrame, records: Sequence[Record]) -> Across | None:
    """The largest group of learned methods and tasks without a gap; None where no two methods share three tasks.

    Args:
        table: rows of all tasks.
        records: that the rows were made of.
    """
    cells = _cells(table, records)
    methods, tasks = _largest_block(cells)
    if not methods:
        return None
    of_tasks = [_rates([cells[method, task] for method in methods]) for task in tasks]
    if not all(rates.shape[1] for of_task in of_tasks for rates in of_task):
        return None  # records of other starts, which nothing compares
    outcomes = [*zip(*of_tasks, strict=True)]
    scores = resampled(outcomes, np.random.default_rng(BOOTSTRAP_SEED))
    means = [estimate(interquartile_mean(each)) for each in scores]
    order = sorted(range(len(methods)), key=lambda number: (-means[number].mean, methods[number]))
    return Across(
        tuple(methods[number] for number in order),
        tuple(tasks),
        tuple(tuple(scores[number]) for number in order),
        tuple(means[number] for number in order),
        tuple(sum(len(rates) for rates in outcomes[number]) for number in order),
    )


def across_tasks(found: Across | None, picture: str) -> str:
    """The section of the index; empty where there is nothing to sum up.

    Args:
        found: methods and tasks.
        picture: path of the performance profiles, from the page.
    """
    if found is None:
        return ""
    names = ", ".join(in_markdown(task.rsplit("/", 1)[-1]) for task in found.tasks)
    rows = pd.DataFrame(
        {
            "method": found.methods,
            "success, interquartile mean": [each.text(2) for each in found.means],
            "runs": [str(count) for count in found.n_runs],
        }
    )
    return "\n\n".join(
        [
            "## Methods over several tasks",
            f"Success of {len(found.methods)} learned methods on {len(found.tasks)} tasks: {names}. Of the records "
            "here this is the largest group of methods and tasks without a gap; superseded tasks are left "
            "out. A run is one training seed on one task. The interquartile mean is that of the middle half of the "
            "runs; brackets are 95 % intervals of the bootstrap over start states and, where a task has several, "
            f"training seeds ({SOURCE}).",
            markdown(rows),
            "How likely a run of one method has a higher success rate than a run of the next one, on a task drawn at "
            "random (ties count half; 0.50 is a draw):",
            "\n".join(_improvements(found)),
            "Share of runs whose success rate is above a threshold (higher is better; bands: 95 %):",
            f"![Performance profiles]({picture})",
        ]
    )


def _improvements(found: Across) -> Sequence[str]:
    pairs = itertools.pairwise(zip(found.methods, found.scores, strict=True))
    return [
        f"- {in_markdown(one)} over {in_markdown(other)}: {estimate(probability_of_improvement(first, second)).text(2)}"
        for (one, first), (other, second) in pairs
    ]


def _cells(table: pd.DataFrame, records: Sequence[Record]) -> Cells:
    cells: dict[tuple[str, str], Group] = {}
    for task, part in by_task(table):
        if load_task(task).superseded_by:
            continue
        for row in one_a_policy(part).to_dict("records"):
            if role_of(row["policy"]) is None:
                cells[row["policy"], task] = group_of(row, records)
    return cells


def _largest_block(cells: Cells) -> tuple[Sequence[str], Sequence[str]]:
    """Methods and tasks without a gap, as many cells as possible; of equals, more tasks.

    Tried are the tasks that two methods share, with every method that has them all.
    """
    tasks_of: dict[str, list[str]] = {}
    for method, task in cells:
        tasks_of.setdefault(method, []).append(task)
    best: tuple[Sequence[str], Sequence[str]] = ((), ())
    for one, other in itertools.combinations(sorted(tasks_of), 2):
        tasks = [task for task in tasks_of[one] if task in tasks_of[other]]
        methods = [method for method in sorted(tasks_of) if set(tasks) <= set(tasks_of[method])]
        if len(tasks) >= FEWEST_TASKS and _size(methods, tasks) > _size(*best):
            best = methods, tasks
    return best


def _size(methods: Sequence[str], tasks: Sequence[str]) -> tuple[int, int]:
    return len(methods) * len(tasks), len(tasks)


def _rates(members: Sequence[Group]) -> list[NDArray[np.float64]]:
    """Success rate of each training seed at each start that all methods of a task ran, `(R, S)` a method."""
    of_records = [[record.episodes.by_start("success") for record in each.records] for each in members]
    shared = sorted(set.intersection(*(set(found) for each in of_records for found in each)))
    return [np.array([[found[start] for start in shared] for found in each]) for each in of_records]
