"""Success against latency: what a policy loses when it acts on what was seen some control steps ago.

Source: Chi et al. 2023 (Diffusion Policy, arXiv 2303.04137), Fig. 5 right, for position and velocity actions.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.reuse import known_or_evaluated
from dpbench.files import write_bytes
from dpbench.tasks import load_task

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777")
MARKERS = "os^vD"
APART = 0.06
"""Steps between the points of two policies, so that their intervals do not cover each other."""


def sweep(
    cells: Sequence[Cell],
    steps: Sequence[int],
    records: Path,
    n_workers: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """One row a policy and latency, as it is evaluated.

    Args:
        cells: policies with their protocols.
        steps: latencies, control steps.
        records: folder of the records; a known one is reused.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended, or were known.

    Raises:
        ConfigError: for a latency of as many steps as a policy executes a call, before anything is evaluated.
    """
    late = [replace(cell, options={**cell.options, "latency_steps": str(n)}) for cell in cells for n in steps]
    for cell in [resolve(each) for each in late]:
        record = known_or_evaluated(cell, records, n_workers, on_done)
        n_steps = int(cell.policy.identity["latency_steps"])
        row = {
            "task": cell.task.id,
            "policy": cell.name,
            "action": cell.task.action.kind,
            "latency_steps": n_steps,
            "latency_s": n_steps / cell.task.rate_hz,
            "n_episodes": len(record.episodes),
        }
        for name, key in (("success", "success"), ("score", "max_score"), ("length", "length")):
            estimate = record.estimate(key)
            row |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        yield {**row, "identity": record.identity[:12], "commit": record.provenance.commit.id}


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """For people: one row a policy, one column a latency, success with its interval as text."""
    texts = rows.assign(
        text=[
            f"{mean:.2f} [{low:.2f}, {high:.2f}]"
            for mean, low, high in zip(rows["success"], rows["success_low"], rows["success_high"], strict=True)
        ],
        task=rows["task"].str.removeprefix("dpbench/"),
    )
    table = texts.pivot_table(
        index=["task", "policy", "action"], columns="latency_steps", values="text", aggfunc="first", sort=False
    )
    return table[sorted(table.columns)].reset_index()


def markdown(rows: pd.DataFrame) -> str:
    """The wide table, and what it shows."""
    table = wide(rows)
    heads = [str(head) for head in table.columns]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in table.itertuples(index=False)]
    return "\n".join([*lines, "", f"{LEGEND} {episodes(rows)} episodes each.", ""])


LEGEND = (
    "Success rate with its 95 % interval, over injected latency in control steps: the policy sees what was so many "
    "steps ago, and loses the first so many actions of each chunk (Chi et al. 2023, Fig. 5 right)."
)


def episodes(rows: pd.DataFrame) -> str:
    """How many a point stands for: `50`, or `20 to 50` where they differ."""
    return " to ".join(str(count) for count in sorted({rows["n_episodes"].min(), rows["n_episodes"].max()}))


def save_figure(rows: pd.DataFrame, path: Path) -> None:
    """Write a PNG: a line a policy.

    Raises:
        OSError: when the file cannot be written.
    """
    figure = Figure(figsize=(7.0, 4.4), layout="constrained")
    axis = figure.subplots()
    parts = list(rows.groupby(["task", "policy", "action"], sort=False))
    for number, (names, part) in enumerate(parts):
        part = part.sort_values("latency_steps")
        errors = [part["success"] - part["success_low"], part["success_high"] - part["success"]]
        axis.errorbar(
            part["latency_steps"] + APART * (number - (len(parts) - 1) / 2),
            part["success"],
            yerr=[error.clip(lower=0) for error in errors],
            marker=MARKERS[number % len(MARKERS)],
            capsize=3,
            color=COLOURS[number % len(COLOURS)],
            label=_label(names, len(set(rows["task"])) == len(set(rows["action"]))),
        )
    axis.set(
        xlabel=f"latency, control steps of {_period(rows)}",
        ylabel="success rate, 95 % interval",
        ylim=(-0.03, 1.03),
        xticks=sorted(set(rows["latency_steps"])),
    )
    axis.set_title(f"what latency costs ({episodes(rows)} episodes a point)")
    axis.grid(alpha=0.3)
    axis.legend(loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_bytes(path, buffer.getvalue())


def _label(names: Any, by_action: bool) -> str:
    task, policy, action = names
    return f"{action} actions, {policy}" if by_action else f"{policy} on {task.removeprefix('dpbench/')}, {action}"


def _period(rows: pd.DataFrame) -> str:
    periods = sorted({1.0 / load_task(task).rate_hz for task in set(rows["task"])})
    return " or ".join(f"{period:g} s" for period in periods)
