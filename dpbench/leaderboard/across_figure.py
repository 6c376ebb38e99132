"""Performance profiles of methods over several tasks (Agarwal et al. 2021, Sec. 4.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dpbench.escaping import in_figure
from dpbench.leaderboard.across import Across
from dpbench.leaderboard.pictures import digest_of, draw_if_changed
from dpbench.metrics.statistics.across_tasks import estimate, performance_profile

DRAWING = "profiles 1"
THRESHOLDS = np.linspace(0, 1, 101)


def save_profiles(found: Across, path: Path) -> bool:
    """Write a PNG with a line a method, unless it is there already.

    Args:
        found: methods and tasks.
        path: of the picture.

    Returns:
        Whether it was drawn.

    Raises:
        OSError: when the file cannot be written.
    """
    lines = _lines(found)
    return draw_if_changed(path, digest_of(lines, DRAWING), lambda: _figure(lines))


def profiles_digest(found: Across) -> str:
    """SHA-256 of what the picture shows."""
    return digest_of(_lines(found), DRAWING)


def _lines(found: Across) -> pd.DataFrame:
    """Method, threshold, share of runs above it and the ends of its interval; one row a method and threshold."""
    parts = []
    for method, scores in zip(found.methods, found.scores, strict=True):
        of_thresholds = performance_profile(scores, THRESHOLDS).T
        ends = [estimate(shares) for shares in of_thresholds]
        shares = {name: [round(getattr(each, name), 6) for each in ends] for name in ("mean", "low", "high")}
        parts.append(pd.DataFrame({"method": method, "above": THRESHOLDS.round(2), **shares}))
    return pd.concat(parts, ignore_index=True)


def _figure(lines: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    for method, part in lines.groupby("method", sort=False):
        (line,) = axis.step(part["above"], part["mean"], where="post", label=in_figure(str(method)))
        axis.fill_between(part["above"], part["low"], part["high"], step="post", alpha=0.15, color=line.get_color())
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="success rate", ylabel="share of runs above it")
    axis.grid(alpha=0.3)
    axis.legend(loc="upper right", frameon=False)
    return figure
