"""Records as a table: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from dpbench.comparison.groups import Group, group
from dpbench.metrics.multimodality import histogram_distance, jensen_shannon, total_variation
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.policies.baseline import sampling_text
from dpbench.records.record import PolicyIdentity, Record
from dpbench.spec import PublishedResults
from dpbench.tasks import load_task

DEMONSTRATOR = "demonstrator"
"""Name of the scripted policy whose modes the others are compared with."""


def _by_seed(text: str) -> str:
    return " ".join(f"{float(value):.2f}" for value in text.split()) if " " in text else "-"


LEGEND = (
    "success: share of episodes whose task was solved at some step; score: mean over episodes of the largest reward "
    "(Chi et al. 2023); max / final: the task's own measure, largest and last value of an episode (Push-T: coverage). "
    "Brackets are 95 % intervals over start states, and over training seeds where there are several (by seed: the "
    "score of each). Paper: average score of Chi et al. 2023, with networks of the paper's size. "
    "Tasks with stages: score is the sum of the stages' rewards, p1 and p2 the share that passed them. "
    "Entropy: of the modes of successful episodes, 0 (one) to 1 (all alike), with the Miller-Madow correction; modes: "
    "share of them seen; TV: total variation from the demonstrator's histogram; keeps: rollouts that never change "
    "their plan; invalid: sampled chunks in no valid mode; energy: energy distance of sampled chunks from the "
    "demonstrator's, in multiples of its floor (docs/metrics.md). "
    "Latency: one environment, p50 / p95 of a call, p50 a control step."
)


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row a policy, plain numbers, best score first within a task; training seeds are put together."""
    rows = [_row(members) for members in group(records)]
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    distances = _from_demonstrator(table)
    for name, estimates in distances.items():
        for part in ("mean", "low", "high"):
            column = name if part == "mean" else f"{name}_{part}"
            table[column] = [getattr(estimate, part) if estimate else None for estimate in estimates]
    return table.sort_values(["task", "starts", "score"], ascending=[True, True, False], ignore_index=True)


def columns(table: pd.DataFrame) -> pd.DataFrame:
    """The same for people: figures with their intervals as text."""

    def interval(name: str, digits: int = 2) -> pd.Series[str]:
        parts = (table[name], table[f"{name}_low"], table[f"{name}_high"])
        return pd.Series(
            [f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]" for mean, low, high in zip(*parts, strict=True)]
        )

    return pd.DataFrame(
        {
            "task": table["task"].str.removeprefix("dpbench/"),
            "policy": table["policy"],
            "preset": table["preset"].fillna("-"),
            "sampling": table["sampling"].replace("", "-"),
            "success": interval("success_rate"),
            "score": interval("score"),
            "by seed": table["score_by_seed"].map(_by_seed),
            **{name: interval(name) for name in _stages(table)},
            "paper": table["published"].fillna("-"),
            "max": table["max_score"].map("{:.3f}".format),
            "final": table["final_score"].map("{:.3f}".format),
            **{
                head: table[name].map(lambda value: f"{value:.2f}" if pd.notna(value) else "-")
                for head, name in MULTIMODALITY.items()
                if table[name].notna().any()
            },
            "steps": table["length"].map("{:.0f}".format),
            "jerk": table["rms_jerk"].map("{:.2g}".format),
            "call ms": [
                f"{1e3 * p50:.1f} / {1e3 * p95:.1f}"
                for p50, p95 in zip(table["call_p50_s"], table["call_p95_s"], strict=True)
            ],
            "step ms": table["step_p50_s"].map(lambda value: f"{1e3 * value:.2f}"),
            "params": table["n_parameters"].map(lambda n: f"{n / 1e6:.2f} M" if n else "-"),
            "trained": table["step"].map(lambda step: f"{int(step):,}" if pd.notna(step) else "-"),
            "episodes": [f"{n} x {m}" for n, m in zip(table["n_starts"], table["n_sampler_seeds"], strict=True)],
        }
    )


MULTIMODALITY = {
    "entropy": "behaviour_entropy",
    "modes": "mode_coverage",
    "TV": "total_variation",
    "keeps": "commitment",
    "invalid": "invalid_share",
    "energy": "energy_ratio",
}
"""Heads of the table and their columns; shown where a task has them."""
NARROW = ("policy", "success", "score", "call ms")
WIDE_FROM = 170
"""Terminal width from which all columns are shown."""


def print_table(table: pd.DataFrame, console: Console) -> None:
    """One table a task; a narrow terminal gets the main columns."""
    for task, part in table.groupby("task", sort=False):
        rows = columns(part.reset_index(drop=True))
        stages = _stages(part)
        narrow = ["policy", *stages, "call ms"] if stages else list(NARROW)
        shown = list(rows.columns[1:]) if console.width >= WIDE_FROM else narrow
        result = Table(title=str(task), box=box.SIMPLE_HEAD, title_justify="left")
        for name in shown:
            result.add_column(name, no_wrap=True)
        for row in rows[shown].itertuples(index=False):
            result.add_row(*(str(value) for value in row))
        console.print(result)
    console.print(LEGEND, style="dim")


def print_one(table: pd.DataFrame, console: Console) -> None:
    """A single record, one figure a line."""
    text = columns(table).iloc[0]
    result = Table(box=None, show_header=False)
    for name, value in text.items():
        result.add_row(f"[bold]{name}[/bold]", str(value))
    console.print(result)
    console.print(LEGEND, style="dim")


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table a task, and the legend."""
    lines = []
    for _, part in table.groupby("task", sort=False):
        text = columns(part.reset_index(drop=True))
        lines += ["| " + " | ".join(text.columns) + " |", "|" + "---|" * len(text.columns)]
        lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in text.itertuples(index=False)]
        lines.append("")
    return "\n".join([*lines, LEGEND, ""])


def _row(members: Group) -> dict[str, Any]:
    newest = members.records[-1]
    cell, policy = newest.cell, newest.policy
    row: dict[str, Any] = {
        "task": cell.task,
        "starts": cell.starts,
        "policy": policy.baseline,
        "preset": policy.preset,
        "sampling": _sampling(policy),
    }
    # The paper's score: the largest reward of an episode; where rewards come in stages, their sum.
    stages = load_task(cell.task).stages
    score = "max_score" if stages else "max_reward"
    for name, key in (("success_rate", "success"), ("score", score)):
        estimate = members.estimate(key)
        row |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    for stage in stages:
        estimate, name = members.stage(stage.above), stage.name
        row |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    for name in ("max_score", "final_score", "length", "rms_jerk"):
        row[name] = _mean(members.per_seed(name))
    for name, key, percentile in (
        ("call_p50_s", "call_s", "p50"),
        ("call_p95_s", "call_s", "p95"),
        ("call_p99_s", "call_s", "p99"),
        ("step_p50_s", "control_step_s", "p50"),
    ):
        row[name] = _mean([getattr(getattr(record.latency, key), percentile) for record in members.records])
    return {
        **row,
        **_multimodality(members),
        "n_parameters": policy.n_parameters,
        "step": policy.step,
        "training_seeds": " ".join(map(str, members.seeds)),
        "score_by_seed": " ".join(f"{value:.3f}" for value in members.per_seed(score)),
        "success_by_seed": " ".join(f"{value:.3f}" for value in members.per_seed("success")),
        "published_avg": published_average(cell.task, policy.baseline),
        "published": _published(cell.task, policy.baseline),
        "n_starts": newest.n_starts,
        "n_sampler_seeds": len(cell.sampler_seeds),
        "identity": " ".join(record.identity[:12] for record in members.records),
        "commit": newest.provenance.commit.id,
        "date_utc": newest.provenance.date_utc,
    }


def published_average(task_id: str, policy: str) -> float | None:
    """The literature's average for a policy on a task, where the task knows it."""
    published = load_task(task_id).part(PublishedResults)
    return published.average(policy) if published is not None else None


def _sampling(policy: PolicyIdentity) -> str:
    """How a policy samples, for methods that have a choice."""
    parts = [sampling_text(policy.baseline, policy.config)]
    decay = (policy.model_extra or {}).get("temporal_ensemble")
    if decay is not None:
        parts.append(f"ensemble {decay:g}")
    return " ".join(part for part in parts if part)


def _published(task_id: str, policy: str) -> str | None:
    """The literature's figure as text: the average, or one figure a stage."""
    task, average = load_task(task_id), published_average(task_id, policy)
    published, stages = task.part(PublishedResults) or PublishedResults(()), [stage.name for stage in task.stages]
    figures = [result.value for result in published.results if result.method == policy and result.metric in stages]
    if not figures and average is not None:
        figures = [average]
    return " / ".join(f"{value:.2f}" for value in figures) or None


def _stages(table: pd.DataFrame) -> list[str]:
    """Names of the stages that the tasks of a table have."""
    known = {stage.name: None for task in dict.fromkeys(table["task"]) for stage in load_task(task).stages}
    return list(known)


def _multimodality(members: Group) -> dict[str, Any]:
    """Means over training seeds of what the records say of modes, plans and chunks; None where they do not."""

    def average(name: str) -> float | None:
        known = [value for record in members.records if (value := record.number(name)) is not None]
        return _mean(known) if known else None

    energy, floor = average("energy_distance"), average("energy_distance_floor")
    counts = [record.mode_counts() for record in members.records if record.modes]
    total = {mode: sum(count[mode] for count in counts) for mode in counts[0]} if counts else None
    return {
        "behaviour_entropy": average("behaviour_entropy_corrected"),
        "mode_coverage": average("mode_coverage"),
        "mode_counts": json.dumps(total) if total else None,
        "commitment": average("plan_consistency"),
        "invalid_share": average("invalid_share"),
        "energy_ratio": energy / floor if energy is not None and floor else None,
    }


def _from_demonstrator(table: pd.DataFrame) -> dict[str, list[Estimate | None]]:
    """Distances between each policy's mode histogram and the demonstrator's on the same task and starts."""
    histograms = [counts_of(counts) for counts in table["mode_counts"]]
    known = {
        (row.task, row.starts): counts
        for row, counts in zip(table.itertuples(), histograms, strict=True)
        if row.policy == DEMONSTRATOR and counts is not None
    }
    distances: dict[str, list[Estimate | None]] = {}
    for name, figure in (("total_variation", total_variation), ("jensen_shannon", jensen_shannon)):
        distances[name] = []
        for row, counts in zip(table.itertuples(), histograms, strict=True):
            theirs = known.get((row.task, row.starts))
            distances[name].append(
                histogram_distance(figure, counts, theirs) if counts is not None and theirs is not None else None
            )
    return distances


def counts_of(counts: str | None) -> NDArray[np.int64] | None:
    """Mode counts from their column; None without a successful episode."""
    if not isinstance(counts, str):
        return None
    values = np.array(list(json.loads(counts).values()), dtype=np.int64)
    return values if values.sum() else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
