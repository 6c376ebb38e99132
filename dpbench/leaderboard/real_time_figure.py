"""Success against inference latency, in real time and in lock-step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dpbench.escaping import in_figure
from dpbench.leaderboard.pictures import digest_of, draw_if_changed

COLOUR = "#0072B2"
DRAWING = "real time 1"
SHOWN = [
    "policy", "call_p50_s", "success_rate", "real_time_success", "real_time_success_low", "real_time_success_high",
]  # fmt: skip


def with_real_time(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of one task whose policy was evaluated in real time; each is a point of the picture."""
    return part[part["real_time_success"].notna()].reset_index(drop=True)


def save_real_time(part: pd.DataFrame, path: Path) -> bool:
    """Write a PNG, unless it is there already.

    Args:
        part: `with_real_time` of one task, not empty.
        path: of the picture.

    Returns:
        Whether it was drawn.

    Raises:
        OSError: when the file cannot be written.
    """
    return draw_if_changed(path, real_time_digest(part), lambda: _figure(part))


def real_time_digest(part: pd.DataFrame) -> str:
    """SHA-256 of what the picture shows."""
    return digest_of(part[["task", *SHOWN]], DRAWING)


def _figure(part: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axis = figure.subplots()
    at_ms, now, before = 1e3 * part["call_p50_s"], part["real_time_success"], part["success_rate"]
    errors = np.clip([now - part["real_time_success_low"], part["real_time_success_high"] - now], 0, None)
    axis.vlines(at_ms, before, now, color=COLOUR, linestyle=":")
    axis.errorbar(at_ms, now, yerr=errors, fmt="o", capsize=3, color=COLOUR, label="real time, 95 % interval")
    axis.plot(at_ms, before, "o", markersize=9, color=COLOUR, markerfacecolor="none", label="lock-step")
    for name, x, y in zip(part["policy"], at_ms, now, strict=True):
        axis.annotate(in_figure(name), (x, y), xytext=(7, 5), textcoords="offset points", fontsize=8)
    axis.set(xscale="log", ylim=(-0.02, 1.02), xlabel="latency of a call, p50, ms", ylabel="success rate")
    axis.margins(x=0.15)
    axis.set_title(in_figure(str(part["task"][0]).rsplit("/", 1)[-1]))
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    return figure
