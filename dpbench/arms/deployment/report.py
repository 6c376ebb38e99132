"""Reports of episodes on an arm: a summary, a line per episode and a figure of latencies."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dpbench.arms.deployment.episode import EpisodeReport
from dpbench.files.writing import write_bytes
from dpbench.metrics.statistics.percentiles import percentiles

LATENCIES = (("observation_latency_s", "observation"), ("inference_latency_s", "inference"))


def summary(reports: Sequence[EpisodeReport]) -> dict[str, Any]:
    """Success, latencies (p50, p95, p99; s), queue depth and missed deadlines over all episodes."""
    execution = [report.execution_latency_s for report in reports if report.execution_latency_s is not None]
    intervals = [interval_s for report in reports for interval_s in report.loop.intervals_s]
    return {
        "n_episodes": len(reports),
        "n_success": sum(bool(report.outcome["is_success"]) for report in reports),
        "n_faults": sum(report.ended_by == "fault" for report in reports),
        "duration_s": percentiles([report.duration_s for report in reports]),
        **{name: percentiles(_all(reports, name)) for name, _ in LATENCIES},
        "execution_latency_s": percentiles(execution) if execution else None,
        "queue_depth": percentiles(_all(reports, "queue_depth")),
        "slack_s": percentiles(_all(reports, "slack_s")),
        "n_chunks": len(_all(reports, "inference_latency_s")),
        "n_late_chunks": sum(report.policy.n_late for report in reports),
        "tick_interval_s": percentiles(intervals),
        "n_ticks": sum(report.loop.n_ticks for report in reports),
        "n_late_ticks": sum(report.loop.n_late for report in reports),
    }


def in_a_line(report: EpisodeReport) -> str:
    """An episode in one line: how it ended, latencies (p50 / p95 / p99), queue depth and missed deadlines."""
    policy, loop = report.policy, report.loop
    latencies = ", ".join(
        f"{label} {' / '.join(f'{1000 * value:.0f}' for value in percentiles(getattr(policy, name)).values())} ms"
        for name, label in LATENCIES
    )
    ahead = " / ".join(f"{value:.0f}" for value in percentiles(policy.queue_depth).values())
    return (
        f"seed {report.seed}: {'success' if report.outcome['is_success'] else 'no success'}, ended by "
        f"{report.fault or report.ended_by} after {report.duration_s:.1f} s; {latencies}, {ahead} waypoints ahead; "
        f"late: {policy.n_late} of {len(policy.inference_latency_s)} chunks, {loop.n_late} of {loop.n_ticks} ticks"
    )


def write_figure(reports: Sequence[EpisodeReport], path: Path) -> Path:
    """Write a PNG with the latencies of all chunks, and how long before its deadline each chunk was ready."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for key, label in LATENCIES:
        values = np.sort(1000 * np.array(_all(reports, key)))
        left.step(values, np.linspace(0, 1, len(values)), where="post", label=label)
    execution = [1000 * value for report in reports if (value := report.execution_latency_s) is not None]
    if execution:
        left.axvline(float(np.median(execution)), color="0.4", linestyle="--", label="execution (median)")
    left.set(xlabel="latency, ms", ylabel="fraction of chunks", ylim=(0, 1.02))
    left.set_xlim(left=0)
    left.legend(frameon=False)
    # The first chunk of an episode has no deadline.
    slack = [1000 * value for report in reports for value in report.policy.slack_s[1:]]
    right.hist(slack, bins=30, color="tab:green")
    right.axvline(0.0, color="tab:red", label="deadline: end of the previous chunk")
    right.set(xlabel="time from chunk ready to its deadline, ms", ylabel="chunks")
    right.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_bytes(path, buffer.getvalue())
    return path


def _all(reports: Sequence[EpisodeReport], name: str) -> list[float]:
    return [value for report in reports for value in getattr(report.policy, name)]
