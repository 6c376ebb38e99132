"""Records as a table: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from dpbench.comparison.groups import Group, group
from dpbench.tasks import load_task


def _by_seed(text: str) -> str:
    return " ".join(f"{float(value):.2f}" for value in text.split()) if " " in text else "-"


LEGEND = (
    "success: share of episodes whose task was solved at some step; score: mean over episodes of the largest reward "
    "(Chi et al. 2023); max / final: the task's own measure, largest and last value of an episode (Push-T: coverage). "
    "Brackets are 95 % intervals over start states, and over training seeds where there are several (by seed: the "
    "score of each). Paper: average score of Chi et al. 2023, with networks of the paper's size. "
    "Entropy: of the modes of successful episodes, 0 (one) to 1 (all alike), with the Miller-Madow correction. "
    "Latency: one environment, p50 / p95 of a call, p50 a control step."
)


def frame(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a policy, plain numbers, best score first within a task; training seeds are put together."""
    rows = [_row(members) for members in group(records)]
    table = pd.DataFrame(rows)
    if table.empty:
        return table
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
            "paper": table["published_avg"].map(lambda value: f"{value:.2f}" if pd.notna(value) else "-"),
            "max": table["max_score"].map("{:.3f}".format),
            "final": table["final_score"].map("{:.3f}".format),
            **(
                {"entropy": table["behaviour_entropy"].map(lambda value: f"{value:.2f}" if pd.notna(value) else "-")}
                if table["behaviour_entropy"].notna().any()
                else {}
            ),
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


NARROW = ("policy", "success", "score", "call ms")
WIDE_FROM = 170
"""Terminal width from which all columns are shown."""


def print_table(table: pd.DataFrame, console: Console) -> None:
    """One table a task; a narrow terminal gets the main columns."""
    text = columns(table)
    shown = list(text.columns[1:]) if console.width >= WIDE_FROM else list(NARROW)
    for task, rows in text.groupby("task", sort=False):
        result = Table(title=f"dpbench/{task}", box=box.SIMPLE_HEAD, title_justify="left")
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
    """A Markdown table with its legend."""
    text = columns(table)
    lines = ["| " + " | ".join(text.columns) + " |", "|" + "---|" * len(text.columns)]
    lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in text.itertuples(index=False)]
    return "\n".join([*lines, "", LEGEND, ""])


def _row(members: Group) -> dict[str, Any]:
    newest = members.records[-1]
    cell, policy = newest["cell"], newest["cell"]["policy"]
    row: dict[str, Any] = {
        "task": cell["task"],
        "starts": cell["starts"],
        "policy": policy["baseline"],
        "preset": policy["preset"],
        "sampling": _sampling(policy),
    }
    figures = (("success_rate", "success_rate", "success"), ("score", "mean_max_reward", "max_reward"))
    for name, key, column in figures:
        estimate = members.estimate(key, column)
        row |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    for name in ("max_score", "final_score", "length", "rms_jerk"):
        row[name] = _mean(members.per_seed(f"mean_{name}"))
    for name, key, percentile in (
        ("call_p50_s", "call_s", "p50"),
        ("call_p95_s", "call_s", "p95"),
        ("call_p99_s", "call_s", "p99"),
        ("step_p50_s", "control_step_s", "p50"),
    ):
        row[name] = _mean(tuple(record["latency"][key][percentile] for record in members.records))
    return {
        **row,
        "behaviour_entropy": _entropy(members),
        "n_parameters": policy["n_parameters"],
        "step": policy.get("step"),
        "training_seeds": " ".join(map(str, members.seeds)),
        "score_by_seed": " ".join(f"{value:.3f}" for value in members.per_seed("mean_max_reward")),
        "success_by_seed": " ".join(f"{value:.3f}" for value in members.per_seed("success_rate")),
        "published_avg": published_average(cell["task"], policy["baseline"]),
        "n_starts": newest["summary"]["n_starts"],
        "n_sampler_seeds": len(cell["sampler_seeds"]),
        "identity": " ".join(record["identity"][:12] for record in members.records),
        "commit": newest["provenance"]["commit"]["id"],
        "date_utc": newest["provenance"]["date_utc"],
    }


def published_average(task_id: str, policy: str) -> float | None:
    """The literature's average for a policy on a task, where the task knows it."""
    for result in load_task(task_id).published:
        if result.method == policy and result.metric.endswith("avg"):
            return result.value
    return None


def _sampling(policy: Mapping[str, Any]) -> str:
    """How a policy samples, for methods that have a choice."""
    config = policy["config"]
    count = config.get("n_inference_steps", config.get("n_iterations"))
    parts = [str(config["sampler"]) if "sampler" in config else "", str(count) if count is not None else ""]
    if "temporal_ensemble" in policy:
        parts.append(f"ensemble {policy['temporal_ensemble']:g}")
    return " ".join(part for part in parts if part)


def _entropy(members: Group) -> float | None:
    """Mean corrected behaviour entropy, for a task that names its modes."""
    known = [record["multimodality"] for record in members.records if "multimodality" in record]
    return _mean([modes["behaviour_entropy_corrected"]["mean"] for modes in known]) if known else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
