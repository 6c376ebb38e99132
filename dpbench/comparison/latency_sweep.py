"""Latency over samplers and step counts, and with it success: what fewer denoising steps cost and bring."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.evaluate import time_policy
from dpbench.comparison.reuse import known_or_evaluated
from dpbench.errors import ConfigError
from dpbench.evaluation.latency import Latency
from dpbench.files import write_bytes
from dpbench.policies.baseline import Baseline
from dpbench.registry import registry

SWEEP_S = 5.0
"""Time for the calls of one setting; slow ones get 20 calls all the same."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def settings(baseline_name: str, samplers: Sequence[str], steps: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """The sampling options to go through.

    Args:
        baseline_name: registry name.
        samplers: only these; empty for all that the method's sweep names.
        steps: these step counts for each sampler; empty for those of the sweep.

    Raises:
        ConfigError: for a sampler that the sweep does not have.
    """
    baseline = registry("baseline").load(baseline_name)
    sweep = baseline.sweep if isinstance(baseline, Baseline) else ()
    if not sweep:
        if samplers or steps:
            raise ConfigError(f"{baseline_name} has one way to sample: leave --samplers and --steps away.")
        return ({},)
    known = tuple(dict.fromkeys(setting["sampler"] for setting in sweep))
    if unknown := sorted(set(samplers) - set(known)):
        raise ConfigError(f"--samplers: {', '.join(unknown)} is none of {baseline_name}'s: {', '.join(known)}.")
    if steps:
        return tuple({"sampler": sampler, "steps": step} for sampler in samplers or known for step in steps)
    return tuple(setting for setting in sweep if not samplers or setting["sampler"] in samplers)


def sweep(
    cell: Cell, chosen: Sequence[Mapping[str, str]], records: Path | None, n_workers: int
) -> Iterator[dict[str, Any]]:
    """One row a setting, as it is measured.

    Args:
        cell: the checkpoint with its protocol.
        chosen: sampling options.
        records: evaluate success too, and keep the records there (a known one is reused); None measures latency only.
        n_workers: processes for the rollouts.
    """
    for setting in chosen:
        one = resolve(replace(cell, options={**cell.options, **setting}))
        row = {"sampler": setting.get("sampler", "-"), "steps": int(setting.get("steps", 1))} | _columns(
            time_policy(one, SWEEP_S)
        )
        if records is not None:
            row |= _success(one, records, n_workers)
        yield row


def _success(cell: ResolvedCell, records: Path, n_workers: int) -> dict[str, Any]:
    record = known_or_evaluated(cell, records, n_workers)
    success, score = record["summary"]["success_rate"], record["summary"]["mean_max_reward"]
    return {
        "success": success["mean"], "success_low": success["low"], "success_high": success["high"],
        "score": score["mean"], "score_low": score["low"], "score_high": score["high"],
    }  # fmt: skip


def _columns(latency: Latency) -> dict[str, Any]:
    row: dict[str, Any] = {f"call_{name}_ms": 1e3 * value for name, value in latency.call_s.items()}
    row |= {f"step_{name}_ms": 1e3 * value for name, value in latency.control_step_s.items()}
    encode = latency.encode_s["p50"] if latency.encode_s else 0.0
    return {
        **row,
        "encode_p50_ms": 1e3 * encode,
        "denoise_p50_ms": 1e3 * max(0.0, latency.call_s["p50"] - encode),
        "held_rate_hz": latency.held_rate_hz,
        "blocking_rate_hz": latency.blocking_rate_hz,
        "n_calls": latency.n_calls,
        "n_warmup": latency.n_warmup,
        "n_threads": latency.n_threads,
        "clock": latency.clock,
    }


def save_figure(rows: pd.DataFrame, title: str, path: Path) -> None:
    """Write a PNG: success against latency where success was measured, else latency against steps.

    Raises:
        OSError: when the file cannot be written.
    """
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axis = figure.subplots()
    with_success = "success" in rows
    for colour, (sampler, part) in zip(COLOURS * 3, rows.groupby("sampler", sort=False), strict=False):
        part = part.sort_values("steps")
        if with_success:
            errors = [part["success"] - part["success_low"], part["success_high"] - part["success"]]
            clipped = [error.clip(lower=0) for error in errors]
            axis.errorbar(
                part["call_p50_ms"], part["success"], yerr=clipped, marker="o", capsize=3, color=colour, label=sampler
            )
            for _, row in part.iterrows():
                place = (row["call_p50_ms"], row["success"])
                axis.annotate(str(row["steps"]), place, xytext=(4, 5), textcoords="offset points", fontsize=8)
        else:
            axis.plot(part["steps"], part["call_p50_ms"], "o-", color=colour, label=f"{sampler}, p50")
            axis.fill_between(part["steps"], part["call_p50_ms"], part["call_p99_ms"], color=colour, alpha=0.2)
    if with_success:
        axis.set(xscale="log", xlabel="latency of a call, p50, ms", ylabel="success rate, 95 % interval", ylim=(0, 1))
    else:
        axis.set(xscale="log", yscale="log", xlabel="network steps", ylabel="latency of a call, ms (band to p99)")
    axis.set_title(title + (" (numbers: steps)" if with_success else ""))
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_bytes(path, buffer.getvalue())
