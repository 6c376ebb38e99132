"""Histograms of the modes that policies show, each beside the demonstrator's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dpbench.escaping import in_figure
from dpbench.leaderboard.pictures import digest_of, draw_if_changed
from dpbench.policies.baseline import Role, role_of

POLICY, THEIRS = "#0072B2", "#D55E00"
COLUMNS = 3
DRAWING = "modes 1"


def with_modes(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of one task whose policy succeeded in some mode; the picture has a panel for each."""
    return part[[_counts(counts) is not None for counts in part["mode_counts"]]].reset_index(drop=True)


def save_modes(part: pd.DataFrame, path: Path) -> bool:
    """Write a PNG, unless it is there already.

    Args:
        part: `with_modes` of one task, not empty.
        path: of the picture.

    Returns:
        Whether it was drawn.

    Raises:
        OSError: when the file cannot be written.
    """
    return draw_if_changed(path, modes_digest(part), lambda: _figure(part))


def modes_digest(part: pd.DataFrame) -> str:
    """SHA-256 of what the picture shows."""
    return digest_of(part[["policy", "step", "mode_counts", "behaviour_entropy"]], DRAWING)


def _figure(part: pd.DataFrame) -> Figure:
    theirs = _demonstrator(part)
    n_columns = min(COLUMNS, len(part))
    n_rows = -(-len(part) // n_columns)
    names = [in_figure(name) for name in json.loads(part["mode_counts"][0])]
    upright = len(names) > 4
    # Upright names take their height from the bars unless the panel grows with them.
    height = 1.9 + (0.06 * max(0, max(map(len, names)) - 3) if upright else 0.0)
    figure = Figure(figsize=(4.6 * n_columns, height * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis in axes.flat[len(part) :]:
        axis.set_axis_off()
    places = np.arange(len(names))
    for axis, row in zip(axes.flat, part.itertuples(), strict=False):
        counts = _counts(row.mode_counts)
        if counts is None:
            continue
        axis.bar(places, counts / counts.sum(), color=POLICY, alpha=0.75)
        if theirs is not None:
            edges = np.append(places - 0.5, places[-1] + 0.5)
            axis.step(edges, np.append(theirs, theirs[-1]), where="post", color=THEIRS)
        entropy = "" if pd.isna(row.behaviour_entropy) else f", entropy {row.behaviour_entropy:.2f}"
        axis.set_title(f"{_name(row)}: {counts.sum()} successes{entropy}", fontsize=9)
        axis.set_xticks(places, names, rotation=90 if upright else 15, fontsize=6 if upright else 7)
        axis.tick_params(axis="y", labelsize=7)
    task = in_figure(part["task"][0].rsplit("/", 1)[-1])
    title = f"{task}: share of successful episodes by mode"
    line = "" if theirs is None else " (line: the demonstrator's)"
    # One panel is narrower than the whole title.
    figure.suptitle(title + line, fontsize=11 if n_columns > 1 else 9, wrap=True)
    return figure


def _name(row: object) -> str:
    policy, step = in_figure(getattr(row, "policy", "")), getattr(row, "step", None)
    return policy if pd.isna(step) or not step else f"{policy}, {int(step):,} steps"


def _demonstrator(part: pd.DataFrame) -> NDArray[np.float64] | None:
    """Shares of the modes of the task's demonstrator, `(K,)`."""
    for row in part.itertuples():
        counts = _counts(row.mode_counts)
        if counts is not None and role_of(row.policy) is Role.DEMONSTRATOR:
            shares: NDArray[np.float64] = counts / counts.sum()
            return shares
    return None


def _counts(counts: str | None) -> NDArray[np.int64] | None:
    """Mode counts from their column; None without a successful episode."""
    if not isinstance(counts, str):
        return None
    values = np.array(list(json.loads(counts).values()), dtype=np.int64)
    return values if values.sum() else None
