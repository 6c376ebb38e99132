"""Records as plain numbers: one row a policy, as `table.csv` has it."""

from __future__ import annotations

import io
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpbench.comparison.groups import Group, group
from dpbench.comparison.pairs import letters_of
from dpbench.errors import ConfigError, DataError, UnknownNameError
from dpbench.escaping import in_csv
from dpbench.files.reading import Kind, read_bytes
from dpbench.metrics.metric import OfRecords, Shown
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.table import metrics_of, score_of
from dpbench.policies.baseline import sampling_text
from dpbench.records.record import PolicyIdentity, Record
from dpbench.spec import PublishedResults, TaskSpec
from dpbench.tasks import load_task

TEXTS = ("sampling", "training_seeds", "score_by_seed", "success_by_seed", "identity")
"""Columns that are text although a single value of some looks like a number."""
NAMES = ("task", "starts", "policy", "preset", "published")
COUNTS = ("n_parameters", "step", "n_starts", "n_sampler_seeds")
TABLE = Kind(DataError, "write it with: dpbench leaderboard render", limit_bytes=64 * 2**20)


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row a policy, best score first within a task; training seeds are put together."""
    # Rows, columns and ties are the same whatever the order of the records.
    groups = sorted(group(records), key=_place)
    table = pd.DataFrame([_row(members) for members in groups])
    if table.empty:
        return table
    table = table.sort_values(["task", "starts", "score"], ascending=[True, True, False], kind="stable")
    return table.assign(letters=_letters(table, groups)).reset_index(drop=True)


def group_of(row: Mapping[Hashable, Any], records: Sequence[Record]) -> Group:
    """The records of a row, one a training seed.

    Args:
        row: of `frame`.
        records: that the rows were made of.
    """
    known = {record.identity[:12]: record for record in records}
    return Group(tuple(known[each] for each in row["identity"].split()))


def _letters(table: pd.DataFrame, groups: Sequence[Group]) -> list[str]:
    """Compact letters of every row; the index of the rows are the numbers of their groups."""
    parts = [[groups[number] for number in part.index] for _, part in table.groupby(["task", "starts"], sort=False)]
    return [text for part in parts for text in letters_of(part)]


def page_frame(records: Sequence[Record]) -> pd.DataFrame:
    """The rows of the pages: the last checkpoints of a training have a table of their own, and each alone is no row."""
    return frame([one for one in records if one.policy.run_steps is None] or records)


def _place(members: Group) -> tuple[str, str, str, int, str]:
    record = members.newest
    return record.cell.task, record.cell.starts, record.policy.baseline, record.policy.step or -1, record.identity


def read_frame(path: Path) -> pd.DataFrame:
    """The rows of a `table.csv`, as `frame` made them.

    Raises:
        DataError: when the file is missing or is not such a table.
    """
    content = io.BytesIO(read_bytes(path, TABLE))
    try:
        table = pd.read_csv(content, float_precision="round_trip", dtype=dict.fromkeys((*TEXTS, *NAMES), str))
    except (ValueError, OverflowError) as error:
        raise TABLE.wrong(path, f"is not a table ({error})") from error
    for problem in _problems(table):
        raise TABLE.wrong(path, problem)
    return table.fillna({name: "" for name in TEXTS if name in table})


def _problems(table: pd.DataFrame) -> Iterator[str]:
    """What is wrong in a table, one sentence each."""
    if missing := [name for name in (*NAMES, *TEXTS, *COUNTS) if name not in table]:
        yield f"has no column {missing[0]}"
        return
    if table[["task", "starts", "policy"]].isna().any(axis=None):
        yield "has a row without task, starts or policy"
        return
    for task in dict.fromkeys(table["task"]):
        try:
            numbers = [*COUNTS, *map(in_csv, _columns(load_task(task)))]
        except UnknownNameError as error:
            yield str(error)
            return
        for name in numbers:
            if name not in table:
                yield f"has no column {name}, which {task} needs"
            elif table[name].dtype.kind not in "fiu" or np.isinf(table[name]).any():
                yield f"{name} holds something else than finite numbers"
    for name in ("score_by_seed", "success_by_seed"):
        if not table[name].fillna("").str.fullmatch(r"(-?\d+\.\d+ ?)*").all():
            yield f"{name} holds something else than numbers"


def _columns(task: TaskSpec) -> Iterator[str]:
    """Columns of the metrics of a task."""
    for metric in metrics_of(task):
        if metric.shown >= Shown.IN_CSV:
            yield metric.column
            yield from (f"{metric.column}{end}" for end in ("_low", "_high") if metric.with_interval)


def _row(members: Group) -> dict[str, Any]:
    record, policy, task = members.newest, members.newest.policy, members.task
    counts = members.counts_by_mode()
    return {
        "task": record.cell.task,
        "starts": record.cell.starts,
        "policy": policy.baseline,
        "preset": policy.preset,
        "sampling": _sampling(policy),
        **_metrics(members),
        "mode_counts": json.dumps(counts) if counts else None,
        "n_parameters": policy.n_parameters,
        "step": policy.step,
        "training_seeds": " ".join(map(str, members.seeds)),
        "score_by_seed": " ".join(f"{value:.3f}" for value in members.per_seed(score_of(task))),
        "success_by_seed": " ".join(f"{value:.3f}" for value in members.per_seed("success")),
        "published_avg": published_average(task, policy.baseline),
        "published": _published(task, policy.baseline),
        "n_starts": record.n_starts,
        "n_sampler_seeds": len(record.cell.sampler_seeds),
        "identity": " ".join(one.identity[:12] for one in members.records),
        "commit": record.provenance.commit.id,
        "date_utc": record.provenance.date_utc,
    }


def _metrics(members: Group) -> dict[str, float | None]:
    """Every metric that the CSV lists: its mean over training seeds, and its interval where it is shown."""
    row: dict[str, float | None] = {}
    for metric in metrics_of(members.task):
        if metric.shown < Shown.IN_CSV:
            continue
        name = metric.column
        if isinstance(metric.of, OfRecords):
            value = metric.of.function(members)
        else:
            value = members.estimate(metric.name) if metric.with_interval else members.number(metric.name)
        row[name] = value.mean if isinstance(value, Estimate) else value
        if metric.with_interval:
            row[f"{name}_low"] = value.low if isinstance(value, Estimate) else None
            row[f"{name}_high"] = value.high if isinstance(value, Estimate) else None
    return row


def published_average(task: TaskSpec, policy: str) -> float | None:
    """The literature's average for a policy on a task, where the task knows it."""
    published = task.part(PublishedResults)
    return published.average(policy) if published is not None else None


def _published(task: TaskSpec, policy: str) -> str | None:
    """What the literature reports of a policy, as text: the average, or one number a stage."""
    published, stages = task.part(PublishedResults) or PublishedResults(()), [stage.name for stage in task.stages]
    numbers = [result.value for result in published.results if result.method == policy and result.metric in stages]
    average = published.average(policy)
    if not numbers and average is not None:
        numbers = [average]
    return " / ".join(f"{value:.2f}" for value in numbers) or None


def _sampling(policy: PolicyIdentity) -> str:
    """How a policy samples, where that can be chosen."""
    try:
        parts = [sampling_text(policy.baseline, policy.config)]
    except ConfigError:  # fields of a version that is not installed
        parts = ["as in its record"]
    decay = (policy.model_extra or {}).get("temporal_ensemble")
    if isinstance(decay, int | float):
        parts.append(f"ensemble {decay:g}")
    return " ".join(part for part in parts if part)
