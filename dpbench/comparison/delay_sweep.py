"""Success against latency: what a policy loses when its observations are some control steps old.

Source: Chi et al. 2023 (Diffusion Policy, arXiv 2303.04137), Fig. 5 right, for position and velocity actions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.reuse import KnownRecords, known_or_evaluated
from dpbench.comparison.sweep_files import save_sweep
from dpbench.errors import ConfigError
from dpbench.escaping import in_figure, in_file_name, markdown_table
from dpbench.records.record import Record
from dpbench.tasks import load_task

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777")
MARKERS = "os^vD"
APART = 0.06
"""Steps between the points of two policies, so that their intervals do not cover each other."""


def delayed_cells(cells: Sequence[Cell], steps: Sequence[int]) -> tuple[ResolvedCell, ...]:
    """Every cell with every latency.

    Args:
        cells: policies with their protocols.
        steps: latencies, control steps.

    Raises:
        ConfigError: for a latency of as many steps as a policy executes a call, or two policies with one name.
    """
    late = [
        resolve(replace(cell, options={**cell.options, "latency_steps": str(n_steps)}))
        for cell in cells
        for n_steps in steps
    ]
    lines = Counter((cell.task.id, cell.name, cell.policy.n_latency_steps) for cell in late)
    if double := sorted({name for (_, name, _), count in lines.items() if count > 1}):
        raise ConfigError(f"two checkpoints of one task are called {', '.join(double)}; give each a name of its own.")
    return tuple(late)


def sweep(
    late: Sequence[ResolvedCell],
    known: KnownRecords,
    n_workers: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> pd.DataFrame:
    """One row a policy and latency.

    Args:
        late: as `delayed_cells` gives them.
        known: records; a known one is reused, a new one is added.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended, or were known.
    """
    return pd.DataFrame([_row(cell, known_or_evaluated(cell, known, n_workers, on_done)) for cell in late])


def _row(cell: ResolvedCell, record: Record) -> dict[str, Any]:
    n_steps = cell.policy.n_latency_steps or 0
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
    return {**row, "identity": record.identity[:12], "commit": record.provenance.commit.id}


def save(rows: pd.DataFrame, document: Mapping[str, Any], folder: Path) -> Path:
    """Write table and figure into a folder; the path without an ending is returned.

    Raises:
        DpbenchError: when they cannot be written.
    """
    tasks = list(dict.fromkeys(rows["task"]))
    stem = folder / "--".join(in_file_name(task.rsplit("/", 1)[-1]) for task in tasks)
    save_sweep(stem, rows, document, draw(rows), markdown(rows))
    return stem


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
    lines = markdown_table(table.columns, table.itertuples(index=False))
    return "\n".join([lines, "", f"{LEGEND} {episodes(rows)} episodes each.", ""])


LEGEND = (
    "Success rate with its 95 % interval, over injected latency of N control steps: observations are N steps old, and "
    "the first N actions of each chunk are lost (Chi et al. 2023, Fig. 5 right)."
)


def episodes(rows: pd.DataFrame) -> str:
    """Number of episodes behind a point: `50`, or `20 to 50` where it differs."""
    return " to ".join(str(count) for count in sorted({rows["n_episodes"].min(), rows["n_episodes"].max()}))


def draw(rows: pd.DataFrame) -> Figure:
    """Success against latency, a line a policy."""
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
    axis.set_title(f"success against latency ({episodes(rows)} episodes a point)")
    axis.grid(alpha=0.3)
    axis.legend(loc="lower left")
    return figure


def _label(names: Any, by_action: bool) -> str:
    task, policy, action = map(in_figure, names)
    return f"{action} actions, {policy}" if by_action else f"{policy} on {task.removeprefix('dpbench/')}, {action}"


def _period(rows: pd.DataFrame) -> str:
    periods = sorted({1.0 / load_task(task).rate_hz for task in set(rows["task"])})
    return " or ".join(f"{period:g} s" for period in periods)
