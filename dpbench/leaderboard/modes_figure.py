"""Histograms of the modes that policies take, each beside the demonstrator's."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dpbench.files import write_bytes
from dpbench.policies.baseline import Role, role_of

POLICY, THEIRS = "#0072B2", "#D55E00"
COLUMNS = 3


def save_modes(table: pd.DataFrame, folder: Path) -> list[str]:
    """Write `modes-TASK.png` for every task with mode counts; a panel a policy that succeeded at all.

    Args:
        table: as `dpbench.comparison.table.frame` makes it.
        folder: of the pictures.

    Returns:
        Names of the files.

    Raises:
        OSError: when a file cannot be written.
    """
    names = []
    shown = table[[_counts(counts) is not None for counts in table["mode_counts"]]]
    for task, part in shown.groupby("task", sort=False):
        names.append(f"modes-{str(task).rsplit('/', 1)[-1]}.png")
        write_bytes(folder / names[-1], _picture(str(task), part.reset_index(drop=True)))
    return names


def _picture(task: str, part: pd.DataFrame) -> bytes:
    demonstrator = next(
        (row.mode_counts for row in part.itertuples() if role_of(row.policy) is Role.DEMONSTRATOR), None
    )
    their_counts = _counts(demonstrator)
    theirs = their_counts / their_counts.sum() if their_counts is not None else None
    n_columns = min(COLUMNS, len(part))
    n_rows = -(-len(part) // n_columns)
    names = list(json.loads(part["mode_counts"][0]))
    upright = len(names) > 4
    # Upright names take their height from the bars unless the panel grows with them.
    height = 1.9 + (0.06 * max(0, max(map(len, names)) - 3) if upright else 0.0)
    figure = Figure(figsize=(4.6 * n_columns, height * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis in axes.flat[len(part) :]:
        axis.set_axis_off()
    for axis, row in zip(axes.flat, part.itertuples(), strict=False):
        counts = json.loads(row.mode_counts)
        places = np.arange(len(names))
        shares = _counts(row.mode_counts)
        if shares is not None:
            axis.bar(places, shares / shares.sum(), color=POLICY, alpha=0.75)
        if theirs is not None:
            axis.step(
                np.append(places - 0.5, places[-1] + 0.5), np.append(theirs, theirs[-1]), where="post", color=THEIRS
            )
        axis.set_title(
            f"{row.policy}: {sum(counts.values())} successes, entropy {row.behaviour_entropy:.2f}", fontsize=9
        )
        axis.set_xticks(places, names, rotation=90 if upright else 15, fontsize=6 if upright else 7)
        axis.tick_params(axis="y", labelsize=7)
    figure.suptitle(f"{task}: share of successful rollouts by mode (line: the demonstrator's)", fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _counts(counts: str | None) -> NDArray[np.int64] | None:
    """Mode counts from their column; None without a successful episode."""
    if not isinstance(counts, str):
        return None
    values = np.array(list(json.loads(counts).values()), dtype=np.int64)
    return values if values.sum() else None
