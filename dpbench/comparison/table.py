"""Records as a table: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

LEGEND = (
    "success: share of episodes whose task was solved at some step; score: mean over episodes of the largest reward "
    "(Chi et al. 2023); max / final: the task's own measure, largest and last value of an episode (Push-T: coverage). "
    "Brackets are 95 % intervals over start states. Latency: one environment, p50 / p95 of a call, p50 a control step."
)


def frame(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a record, plain numbers, best score first within a task."""
    rows = [_row(record) for record in records]
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
            "success": interval("success_rate"),
            "score": interval("score"),
            "max": table["max_score"].map("{:.3f}".format),
            "final": table["final_score"].map("{:.3f}".format),
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


NARROW = ("policy", "success", "score", "final", "call ms")
WIDE_FROM = 130
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


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    summary, cell, latency = (record[key] for key in ("summary", "cell", "latency"))
    policy = cell["policy"]
    row: dict[str, Any] = {
        "task": cell["task"],
        "starts": cell["starts"],
        "policy": policy["baseline"],
        "preset": policy["preset"],
    }
    for name, key in (("success_rate", "success_rate"), ("score", "mean_max_reward")):
        row |= {name: summary[key]["mean"], f"{name}_low": summary[key]["low"], f"{name}_high": summary[key]["high"]}
    return {
        **row,
        "max_score": summary["mean_max_score"]["mean"],
        "final_score": summary["mean_final_score"]["mean"],
        "length": summary["mean_length"]["mean"],
        "rms_jerk": summary["mean_rms_jerk"]["mean"],
        "call_p50_s": latency["call_s"]["p50"],
        "call_p95_s": latency["call_s"]["p95"],
        "call_p99_s": latency["call_s"]["p99"],
        "step_p50_s": latency["control_step_s"]["p50"],
        "n_parameters": policy["n_parameters"],
        "step": policy.get("step"),
        "n_starts": summary["n_starts"],
        "n_sampler_seeds": len(cell["sampler_seeds"]),
        "identity": record["identity"],
        "commit": record["provenance"]["commit"]["id"],
        "date_utc": record["provenance"]["date_utc"],
    }
