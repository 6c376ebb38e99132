"""A task as a picture: the posterior of success, score with its interval, inference latency beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import beta

from dpbench.escaping import in_figure
from dpbench.leaderboard.columns import same_as_success
from dpbench.leaderboard.overview import main_metrics
from dpbench.leaderboard.pictures import digest_of, draw_if_changed
from dpbench.metrics.metric import Metric
from dpbench.metrics.statistics.intervals import Estimate, trials_of
from dpbench.metrics.table import metrics_of
from dpbench.tasks import load_task

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
DRAWING = "figure 5"
THRESHOLDS = np.linspace(0, 1, 501)
MOST_TRIALS = 10_000
"""With more, a posterior is narrower than a line."""


def save_figure(part: pd.DataFrame, path: Path) -> bool:
    """Write a PNG with a row a policy, unless it is there already.

    Args:
        part: rows of one task.
        path: of the picture.

    Returns:
        Whether it was drawn.

    Raises:
        OSError: when the file cannot be written.
    """
    return draw_if_changed(path, figure_digest(part), lambda: _figure(part))


def figure_digest(part: pd.DataFrame) -> str:
    """SHA-256 of what the picture shows."""
    metrics = [f"{metric.column}{end}" for metric in _shown(part) for end in ("", "_low", "_high")]
    names = ["policy", "step", "training_seeds", "published_avg", "call_p50_s", "call_p99_s"]
    return digest_of(part[[*names, *metrics]], DRAWING)


def _shown(part: pd.DataFrame) -> list[Metric]:
    task = load_task(part["task"][0])
    heads = {column.head for column in main_metrics(task.id)}
    metrics = [metric for metric in metrics_of(task) if metric.head in heads]
    return [metric for metric in metrics if metric.name != "score" or not same_as_success(part)]


def _figure(part: pd.DataFrame) -> Figure:
    metrics, task = _shown(part), str(part["task"][0])
    rows = part.iloc[::-1]
    labels = [_label(row) for _, row in rows.iterrows()]
    places = np.arange(len(rows))
    figure = Figure(figsize=(3.4 * (len(metrics) + 1) + 1.4, 0.42 * len(rows) + 1.3), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(metrics) + 1, sharey=True))
    for axis, metric, colour in zip(axes, metrics, (BLUE, GREEN, GREEN, GREEN), strict=False):
        draw = _bars if metric.name == "score" else _posteriors
        draw(axis, rows, metric, colour)
    _published(axes[len(metrics) - 1], rows, metrics[-1].name)
    latency = axes[-1]
    latency.hlines(places, 1e3 * rows["call_p50_s"], 1e3 * rows["call_p99_s"], color=GREY)
    latency.plot(1e3 * rows["call_p50_s"], places, "o", color=ORANGE)
    latency.set(xscale="log", xlabel="inference latency of a call, ms\n(point: median, line: to 99th percentile)")
    latency.xaxis.set_major_formatter("{x:g}")
    latency.grid(axis="x", alpha=0.3)
    axes[0].set(yticks=places, yticklabels=labels, ylim=(-0.6, len(rows) - 0.4))
    figure.suptitle(in_figure(task.rsplit("/", 1)[-1]))
    return figure


def _label(row: pd.Series[Any]) -> str:
    """Name, training budget and number of training seeds."""
    if pd.isna(row["step"]) or not row["step"]:
        return in_figure(row["policy"])
    n_seeds = len(row["training_seeds"].split())
    seeds = f", {n_seeds} seeds" if n_seeds > 1 else ""
    return f"{in_figure(row['policy'])}\n{int(row['step']):,} steps{seeds}"


def _posteriors(axis: Axes, rows: pd.DataFrame, metric: Metric, colour: str) -> None:
    """Violins: how likely each rate of success is, after the effective number of trials and with a uniform prior.

    Source: Bayes 1763; the Beta distribution is that of a proportion's posterior.
    """
    means, lows, highs = (rows[f"{metric.column}{end}"].tolist() for end in ("", "_low", "_high"))
    for place, (mean, low, high) in enumerate(zip(means, lows, highs, strict=True)):
        n_trials, rate = min(trials_of(Estimate(mean, low, high)), MOST_TRIALS), float(np.clip(mean, 0, 1))
        density = beta.pdf(THRESHOLDS, 1 + rate * n_trials, 1 + (1 - rate) * n_trials)
        half = 0.36 * density / density.max()
        seen = half > 2e-3
        axis.fill_between(THRESHOLDS, place - half, place + half, where=seen, color=colour, alpha=0.75, linewidth=0)
        axis.plot(mean, place, "|", color="black", markersize=9)
    _finish(axis, means, f"{in_figure(metric.head)}: posterior\n(line: share of episodes)")


def _bars(axis: Axes, rows: pd.DataFrame, metric: Metric, colour: str) -> None:
    places = np.arange(len(rows))
    mean, low, high = (rows[f"{metric.column}{end}"] for end in ("", "_low", "_high"))
    axis.barh(places, mean, color=colour, alpha=0.75, height=0.6)
    # Rounded means can lie a hair outside of their intervals: error bars must not be negative.
    axis.errorbar(mean, places, xerr=np.clip([mean - low, high - mean], 0, None), fmt="none", color="black", capsize=3)
    _finish(axis, mean.tolist(), f"{in_figure(metric.head)}, 95 % interval")


def _finish(axis: Axes, means: Sequence[float], label: str) -> None:
    """Numbers beside the rows, and the axis from 0 to 1."""
    for place, value in enumerate(means):
        axis.text(1.06, place, f"{value:.2f}", va="center", ha="left", fontsize=9)
    axis.set(xlim=(0, 1.25), xticks=np.linspace(0, 1, 6), xlabel=label)
    axis.grid(axis="x", alpha=0.3)


def _published(axis: Axes, rows: pd.DataFrame, metric: str) -> None:
    """Mark what the literature reports; its averages are of the score."""
    known = rows["published_avg"].notna().to_numpy()
    if known.any() and metric in ("score", "success"):
        values = rows["published_avg"][known]
        axis.plot(values, np.flatnonzero(known), "D", color=ORANGE, markeredgecolor="black")
        axis.set_xlabel(f"{axis.get_xlabel()}\n(diamond: published average)")
