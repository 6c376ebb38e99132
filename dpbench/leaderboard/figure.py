"""The comparison as a picture: success and score with their intervals, latency beside."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dpbench.files import write_bytes
from dpbench.tasks import load_task

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"


def save_figure(table: pd.DataFrame, path: Path) -> None:
    """Write a PNG: one row of three panels a task.

    Raises:
        OSError: when the file cannot be written.
    """
    tasks = list(dict.fromkeys(table["task"]))
    heights = [0.5 * (table["task"] == task).sum() + 0.6 for task in tasks]
    figure = Figure(figsize=(14, 1.2 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(tasks), 3, squeeze=False, height_ratios=heights)
    for row, task in zip(axes, tasks, strict=True):
        part = table[table["task"] == task].iloc[::-1]
        labels = [_label(policy) for _, policy in part.iterrows()]
        _bars(row[0], part, "success_rate", labels, BLUE, "success rate")
        score = "sum of stage rewards" if load_task(task).stages else "max reward"
        _bars(row[1], part, "score", labels, GREEN, f"score: mean of {score}")
        _published(row[1], part)
        places = np.arange(len(part))
        row[2].hlines(places, 1e3 * part["call_p50_s"], 1e3 * part["call_p99_s"], color=GREY)
        row[2].plot(1e3 * part["call_p50_s"], places, "o", color=ORANGE, label="p50 (line to p99)")
        row[2].set(xscale="log", xlabel="latency of a call, ms", yticks=places, yticklabels=labels, title=task)
        row[2].set_ylim(-0.6, len(part) - 0.4)
        row[2].grid(axis="x", alpha=0.3)
        row[2].legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_bytes(path, buffer.getvalue())


def _label(policy: pd.Series[Any]) -> str:
    """Name, training budget and number of training seeds."""
    if pd.isna(policy["step"]):
        return str(policy["policy"])
    n_seeds = len(policy["training_seeds"].split())
    seeds = f", {n_seeds} seeds" if n_seeds > 1 else ""
    return f"{policy['policy']}\n{int(policy['step']):,} steps{seeds}"


def _bars(axis: Axes, part: pd.DataFrame, name: str, labels: list[str], colour: str, title: str) -> None:
    places = np.arange(len(part))
    axis.barh(places, part[name], color=colour, alpha=0.75, height=0.6)
    # Rounded means can lie a hair outside of their intervals: error bars must not be negative.
    errors = np.clip([part[name] - part[f"{name}_low"], part[f"{name}_high"] - part[name]], 0, None)
    axis.errorbar(part[name], places, xerr=errors, fmt="none", color="black", capsize=3)
    for place, value, high in zip(places.tolist(), part[name], part[f"{name}_high"], strict=True):
        axis.text(high + 0.02, place, f"{value:.2f}", va="center", ha="left", fontsize=9, color="black")
    axis.set(xlim=(0, 1.15), yticks=places, yticklabels=labels, xlabel=f"{title}, 95 % interval")
    axis.set_ylim(-0.6, len(part) - 0.4)
    axis.grid(axis="x", alpha=0.3)


def _published(axis: Axes, part: pd.DataFrame) -> None:
    known = part["published_avg"].notna().to_numpy()
    if known.any():
        axis.plot(
            part["published_avg"][known], np.flatnonzero(known), "D", color=ORANGE, markeredgecolor="black",
            label="published average (paper's size)",
        )  # fmt: skip
        axis.legend(fontsize=8, loc="lower right")
