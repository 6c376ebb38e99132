"""What the literature reports on the tasks of a page, and whether methods stand in the same order here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd

from dpbench.comparison.pair_texts import figure_of, p_text
from dpbench.comparison.pairs import Verdict, pairs_of
from dpbench.escaping import in_markdown
from dpbench.leaderboard.columns import NONE
from dpbench.leaderboard.frame import group_of
from dpbench.leaderboard.overview import one_a_policy
from dpbench.leaderboard.tables import by_task, markdown
from dpbench.records.record import Record
from dpbench.spec import PublishedResult, PublishedResults
from dpbench.tasks import load_task

WORDS = {Verdict.BETTER: "confirmed", Verdict.WORSE: "**contradicted**", Verdict.OPEN: "open"}
OPPOSITE = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER, Verdict.OPEN: Verdict.OPEN}
TESTS = (
    "An order is confirmed, or contradicted, when a paired test on the start states that both ran finds a difference "
    "of the score, at 5 % with Holm's correction over the pairs below a task; otherwise it is open. (The letters "
    "correct for all pairs of the table.) What varies in the tests is the start: they speak of the policies that were "
    "trained here, not of other training seeds."
)


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


def order_agreement(table: pd.DataFrame, records: Sequence[Record]) -> str:
    """Which published orders of two methods paired tests confirm here; empty where nothing is published.

    Args:
        table: rows of the tasks of a page.
        records: that the rows were made of.
    """
    sections = [text for task, part in by_task(table) if (text := _pairs(task, part, records))]
    return "\n\n".join(["## Does the order agree with the literature's?", TESTS, *sections]) if sections else ""


def _pairs(task: str, part: pd.DataFrame, records: Sequence[Record]) -> str:
    rows = one_a_policy(part[part["published_avg"].notna()].reset_index(drop=True)).to_dict("records")
    tested = {
        (pair.first.newest.policy.baseline, pair.second.newest.policy.baseline): figure_of(pair)
        for pair in pairs_of([group_of(row, records) for row in rows])
    }
    found: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for first, second in itertools.combinations(rows, 2):
        theirs = first["published_avg"] - second["published_avg"]
        figure = tested.get((first["policy"], second["policy"]))
        if theirs == 0 or figure is None:
            continue  # the literature has no order for the two, or they share no start
        better, worse = (first, second) if theirs > 0 else (second, first)
        ours = (figure.first, figure.second) if theirs > 0 else (figure.second, figure.first)
        found[figure.verdict if theirs > 0 else OPPOSITE[figure.verdict]].append(
            f"{in_markdown(better['policy'])} over {in_markdown(worse['policy'])} "
            f"({ours[0]:.2f} and {ours[1]:.2f} here, p {p_text(figure.holm)})"
        )
    if not any(found.values()):
        return ""
    name = in_markdown(task.rsplit("/", 1)[-1])
    counts = ", ".join(f"{len(found[verdict])} {word.strip('*')}" for verdict, word in WORDS.items())
    lines = [f"- {word}: {text}" for verdict, word in WORDS.items() for text in found[verdict]]
    return "\n".join([f"**{name}**, published orders of two methods: {counts}.", "", *lines])
