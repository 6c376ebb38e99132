"""What the literature reports on the tasks of a page, and whether methods stand in the same order here."""

from __future__ import annotations

import itertools

import pandas as pd

from dpbench.escaping import in_markdown
from dpbench.leaderboard.columns import NONE
from dpbench.leaderboard.overview import one_a_policy
from dpbench.leaderboard.tables import by_task, markdown
from dpbench.spec import PublishedResult, PublishedResults
from dpbench.tasks import load_task


def published_results(table: pd.DataFrame) -> str:
    """A table of published results for each group of tasks that share them, with notes and sources; empty for none."""
    tasks: dict[tuple[PublishedResult, ...], list[str]] = {}
    notes: list[str] = []
    for task, _ in by_task(table):
        published = load_task(task).part(PublishedResults)
        if published is not None and published.results:
            tasks.setdefault(published.results, []).append(task.rsplit("/", 1)[-1])
            notes += [published.note] if published.note and published.note not in notes else []
    sections = [
        f"**{in_markdown(', '.join(names))}** ({in_markdown(_sources(results))})\n\n{markdown(_by_method(results))}"
        for results, names in tasks.items()
    ]
    return "\n\n".join(["## Published results", *notes, *sections]) if sections else ""


def _sources(results: tuple[PublishedResult, ...]) -> str:
    return "; ".join(dict.fromkeys(result.source for result in results))


def _by_method(results: tuple[PublishedResult, ...]) -> pd.DataFrame:
    """A row a method, a column a metric."""
    metrics = list(dict.fromkeys(result.metric for result in results))
    methods = list(dict.fromkeys(result.method for result in results))
    values = {(result.method, result.metric): f"{result.value:.2f}" for result in results}
    return pd.DataFrame(
        {
            "method": methods,
            **{metric: [values.get((method, metric), NONE) for method in methods] for metric in metrics},
        }
    )


def order_agreement(table: pd.DataFrame) -> str:
    """Which pairs of methods stand in the same order here and in the literature; empty where nothing is published."""
    sections = [text for task, part in by_task(table) if (text := _pairs(task, part))]
    return "\n\n".join(["## Does the order agree with the literature's?", *sections]) if sections else ""


def _pairs(task: str, part: pd.DataFrame) -> str:
    rows = one_a_policy(part[part["published_avg"].notna()].reset_index(drop=True))
    same: list[str] = []
    other: list[str] = []
    equal: list[str] = []
    for (_, first), (_, second) in itertools.combinations(rows.iterrows(), 2):
        ours, theirs = first["score"] - second["score"], first["published_avg"] - second["published_avg"]
        if theirs == 0:
            continue  # the literature has no order for the two
        better, worse = (first, second) if theirs > 0 else (second, first)
        pair = f"{in_markdown(better['policy'])} over {in_markdown(worse['policy'])}"
        text = f"{pair} ({better['score']:.2f} and {worse['score']:.2f} here)"
        overlap = min(first["score_high"], second["score_high"]) > max(first["score_low"], second["score_low"])
        text += ", intervals overlap" if overlap else ""
        (equal if ours == 0 else same if ours * theirs > 0 else other).append(text)
    n_pairs = len(same) + len(other) + len(equal)
    if not n_pairs:
        return ""
    lines = [
        *(f"- same order: {text}" for text in same),
        *(f"- **other order**: published is {text}" for text in other),
        *(f"- equal here: published is {text}" for text in equal),
    ]
    name = in_markdown(task.rsplit("/", 1)[-1])
    head = f"**{name}**: of {n_pairs} pairs of published methods, {len(same)} stand in the same order."
    return "\n".join([head, "", *lines])
