"""Latency over the sampling settings of a method, and with it success: what a faster setting costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.evaluate import time_policy
from dpbench.comparison.reuse import KnownRecords, known_or_evaluated
from dpbench.comparison.sweep_files import save_sweep
from dpbench.errors import ConfigError
from dpbench.escaping import in_figure, in_file_name
from dpbench.metrics.real_time import FRESH_RATE, STALE_SHARE
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.policies.baseline import Baseline
from dpbench.policies.sampling import Sampling, as_options, read_options, text_options
from dpbench.records.machine import Latency
from dpbench.registry import registry

SWEEP_S = 5.0
"""Time for the calls of one setting; a slow one is called 20 times all the same."""
REAL_TIME = "real_time_success"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def settings(baseline_name: str, wanted: Mapping[str, Sequence[str]]) -> tuple[Sampling | None, ...]:
    """The settings to measure: the sweep that the method declares, narrowed or changed by options.

    Args:
        baseline_name: registry name.
        wanted: option -> values. Values of a text option choose settings of the sweep; values of a number replace the
            sweep's own.

    Returns:
        `(None,)` for a method without a sweep.

    Raises:
        ConfigError: for an option or a value that the sweep does not have.
    """
    baseline = registry("baseline").load(baseline_name)
    choice = baseline.sampling if isinstance(baseline, Baseline) else None
    if choice is None or not choice.sweep:
        if wanted:
            raise ConfigError(f"{baseline_name} has no sweep of settings: leave out {', '.join(wanted)}.")
        return (None,)
    chosen: Sequence[Sampling] = choice.sweep
    texts = text_options(chosen[0])
    for name in texts:
        known = tuple(dict.fromkeys(as_options(setting)[name] for setting in chosen))
        values = wanted.get(name, known)
        if unknown := sorted(set(values) - set(known)):
            raise ConfigError(f"{name}: {', '.join(unknown)} is none of {baseline_name}'s: {', '.join(known)}.")
        chosen = [setting for setting in chosen if as_options(setting)[name] in values]
    for name in [name for name in wanted if name not in texts]:
        chosen = [read_options(setting, {name: value}) for setting in chosen for value in wanted[name]]
    return tuple(dict.fromkeys(chosen))


def sweep(
    cell: Cell, chosen: Sequence[Sampling | None], known: KnownRecords | None, n_workers: int, n_threads: int = 1
) -> Iterator[dict[str, Any]]:
    """One row a setting, as it is measured.

    Args:
        cell: the checkpoint with its protocol.
        chosen: as `settings` gives them.
        known: evaluate success too, reuse known records and add the new ones; None measures latency only.
        n_workers: processes for the rollouts.
        n_threads: CPU threads of the policy while it is timed; success does not depend on it.

    Raises:
        ConfigError: for a setting that the method does not have, before anything is measured.
    """
    chosen_options = [{} if setting is None else as_options(setting) for setting in chosen]
    cells = [resolve(replace(cell, options={**cell.options, **options})) for options in chosen_options]
    for setting, one in zip(chosen, cells, strict=True):
        named = {"setting": "-"} if setting is None else {"setting": str(setting) or "default", **asdict(setting)}
        row = {**named, **_columns(time_policy(one, SWEEP_S, n_threads))}
        if known is not None:
            row |= _success(one, known, n_workers)
        yield row


def _success(cell: ResolvedCell, known: KnownRecords, n_workers: int) -> dict[str, Any]:
    record = known_or_evaluated(cell, known, n_workers)
    row: dict[str, Any] = {}
    for name, metric in (("success", "success"), ("score", "max_reward")):
        estimate = record.estimate(metric)
        row |= _interval(name, estimate)
    if cell.real_time and record.real_time is not None:
        for name, metric in ((REAL_TIME, "success"), ("stale_share", STALE_SHARE), ("fresh_rate_hz", FRESH_RATE)):
            row |= _interval(name, record.real_time.estimate(metric))
        row["real_time_p50_ms"] = 1e3 * record.real_time.latency.call_s.p50
    return row


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _columns(latency: Latency) -> dict[str, Any]:
    row: dict[str, Any] = {f"call_{name}_ms": 1e3 * value for name, value in latency.call_s.model_dump().items()}
    row |= {f"step_{name}_ms": 1e3 * value for name, value in latency.control_step_s.model_dump().items()}
    encode = latency.encode_s.p50 if latency.encode_s else 0.0
    return {
        **row,
        "encode_p50_ms": 1e3 * encode,
        "sample_p50_ms": 1e3 * max(0.0, latency.call_s.p50 - encode),
        "held_rate_hz": latency.held_rate_hz,
        "blocking_rate_hz": latency.blocking_rate_hz,
        "n_calls": latency.n_calls,
        "n_warmup": latency.n_warmup,
        "n_threads": latency.n_threads,
        "clock": latency.clock,
    }


def save(rows: pd.DataFrame, setting: Sampling | None, document: Mapping[str, Any], folder: Path) -> Path:
    """Write table and figure into a folder; the path without an ending is returned.

    Args:
        rows: as `sweep` gives them.
        setting: any of the sweep.
        document: JSON-able: the rows and where they come from, with `baseline` and `task`.
        folder: where to.

    Raises:
        DpbenchError: when they cannot be written.
    """
    name, task = str(document["baseline"]), str(document["task"])
    stem = folder / f"{in_file_name(task.rsplit('/', 1)[-1])}--{in_file_name(name)}"
    save_sweep(stem, rows, document, draw(rows, setting, in_figure(f"{name} on {task}")))
    return stem


def draw(rows: pd.DataFrame, setting: Sampling | None, title: str) -> Figure:
    """Success against latency where success was measured, else latency against the first number.

    Args:
        rows: as `sweep` gives them.
        setting: any of the sweep; its texts name the lines, its first number the points.
        title: above the figure.
    """
    texts = text_options(setting) if setting is not None else ()
    numbers = [name for name in as_options(setting) if name not in texts] if setting is not None else []
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axis = figure.subplots()
    draw = _success_line if "success" in rows else _latency_line
    lines = rows.groupby(list(texts), sort=False) if texts else [((), rows)]
    for colour, (names, part) in zip(COLOURS * 3, lines, strict=False):
        at = part[numbers[0]] if numbers else pd.Series(1, part.index)
        draw(axis, part.assign(at=at).sort_values("at"), colour, in_figure(" ".join(map(str, names))))
    number = numbers[0] if numbers else "setting"
    if "success" in rows:
        axis.set(xscale="log", xlabel="latency of a call, p50, ms", ylabel="success rate, 95 % interval", ylim=(0, 1))
        if REAL_TIME in rows:
            axis.set_ylabel("success rate, 95 % interval (full: real time, hollow: lock-step)")
        title += f" (numbers: {number})"
    else:
        axis.set(xscale="log", yscale="log", xlabel=number, ylabel="latency of a call, ms (band to p99)")
    axis.set_title(title)
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    return figure


def _success_line(axis: Axes, part: pd.DataFrame, colour: str, label: str) -> None:
    """Success with its interval; where real time was evaluated that of real time, and lock-step as hollow marks."""
    name, at_ms = ("success", "call_p50_ms") if REAL_TIME not in part else (REAL_TIME, "real_time_p50_ms")
    errors = [part[name] - part[f"{name}_low"], part[f"{name}_high"] - part[name]]
    clipped = [error.clip(lower=0) for error in errors]
    axis.errorbar(part[at_ms], part[name], yerr=clipped, marker="o", capsize=3, color=colour, label=label)
    if name == REAL_TIME:
        axis.vlines(part[at_ms], part["success"], part[name], color=colour, linestyle=":")
        axis.plot(part[at_ms], part["success"], "o", markersize=9, color=colour, markerfacecolor="none")
    for _, row in part.iterrows():
        place = (row[at_ms], row[name])
        axis.annotate(f"{row['at']:g}", place, xytext=(4, 5), textcoords="offset points", fontsize=8)


def _latency_line(axis: Axes, part: pd.DataFrame, colour: str, label: str) -> None:
    axis.plot(part["at"], part["call_p50_ms"], "o-", color=colour, label=f"{label} p50".strip())
    axis.fill_between(part["at"], part["call_p50_ms"], part["call_p99_ms"], color=colour, alpha=0.2)
