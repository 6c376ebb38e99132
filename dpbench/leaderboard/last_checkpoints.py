"""The last checkpoints of trainings beside what is published of theirs: largest, mean, and the bias of the largest."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dpbench.comparison.last_checkpoints import LastCheckpoints, last_checkpoints
from dpbench.leaderboard.columns import NONE
from dpbench.leaderboard.tables import markdown
from dpbench.metrics.table import score_of
from dpbench.records.record import Record
from dpbench.spec import PublishedResults

EXPLAINED = (
    "max: the largest mean of the last checkpoints, averaged over training seeds; mean: over the last checkpoints; "
    "chosen fairly: the checkpoint that is best on half of the starts, read on the other half (mean over 500 random "
    "halves); bias of max: by how much the largest is better than that; chance alone: how much max would exceed the "
    "mean if all checkpoints were equally good. In brackets 95 % intervals over starts and training seeds; that of the "
    "bias leaves out that another checkpoint could have been chosen."
)


def checkpoints_row(one: LastCheckpoints) -> dict[str, object]:
    """The figures of a group as plain numbers."""
    cell, policy, metric = one.newest.cell, one.newest.policy, score_of(one.task)
    figures, (largest, average) = one.figures(metric), _published(one)
    estimates = {"mean": figures.mean, "last": figures.last, "chosen": figures.chosen, "bias": figures.bias}
    return {
        "task": cell.task,
        "starts": cell.starts,
        "policy": policy.baseline,
        "preset": policy.preset,
        "metric": metric,
        "n_checkpoints": len(one.steps),
        "first_step": one.steps[0],
        "last_step": one.steps[-1],
        "training_seeds": list(one.by_seed),
        "n_starts": one.newest.n_starts,
        "max": figures.maximum,
        **{name: value.mean for name, value in estimates.items()},
        **{f"{name}_low": value.low for name, value in estimates.items()},
        **{f"{name}_high": value.high for name, value in estimates.items()},
        "noise": figures.noise,
        "published_max": largest,
        "published_mean": average,
    }


def _published(one: LastCheckpoints) -> tuple[float | None, float | None]:
    """The largest and the mean that are published for the method; None where there is none."""
    known, method = one.task.part(PublishedResults) or PublishedResults(()), one.newest.policy.baseline
    return known.largest(method), known.average(method)


def checkpoints_table(groups: Sequence[LastCheckpoints]) -> pd.DataFrame:
    """The figures of groups as text, a row each."""
    rows = []
    for one in groups:
        cell, figures = one.newest.cell, one.figures(score_of(one.task))
        rows.append(
            {
                "task": cell.task.rsplit("/", 1)[-1],
                "policy": one.newest.policy.baseline,
                "published max / mean": " / ".join(
                    NONE if value is None else f"{value:.2f}" for value in _published(one)
                ),
                "max": f"{figures.maximum:.3f}",
                "mean": figures.mean.text(3),
                "last": figures.last.text(3),
                "chosen fairly": figures.chosen.text(3),
                "bias of max": figures.bias.text(3),
                "chance alone": f"{figures.noise:.3f}",
                "of": f"{len(one.steps)} checkpoints (steps {one.steps[0]:,} to {one.steps[-1]:,}), "
                f"{len(one.by_seed)} training seeds, {one.newest.n_starts} starts",
            }
        )
    return pd.DataFrame(rows)


def checkpoints_section(records: Sequence[Record]) -> str:
    """A part of a page: the last checkpoints of each training that has records of them; empty without any."""
    groups = sorted(last_checkpoints(records), key=lambda one: (one.newest.cell.task, one.newest.policy.baseline))
    if not groups:
        return ""
    table = markdown(checkpoints_table(groups))
    return f"## The last checkpoints, reported as in the literature\n\nThe score of the task. {EXPLAINED}\n\n{table}"
