"""What the HTML page shows, as JSON: tasks with columns and rows, published results, and the records behind them.

The script of the page puts every text in as text (`textContent`), so that nothing is escaped here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import JsonValue

from dpbench.escaping import printable
from dpbench.leaderboard.columns import BRACKETS, NONE, Column, columns_of, same_as_success
from dpbench.leaderboard.html.videos import Video
from dpbench.leaderboard.overview import RULE, one_a_policy
from dpbench.leaderboard.pages import OLD, families
from dpbench.leaderboard.tables import by_task
from dpbench.metrics.metric import Metric, Shown
from dpbench.metrics.table import metrics_of
from dpbench.policies.baseline import Role, role_of
from dpbench.records.record import Record
from dpbench.spec import PublishedResults, TaskSpec
from dpbench.tasks import load_task

Json = dict[str, JsonValue]
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def content(table: pd.DataFrame, records: Sequence[Record], videos: Sequence[Video] = ()) -> Json:
    """Everything that the page shows.

    Args:
        table: the rows of all tasks.
        records: that the rows were made of.
        videos: of policies in their tasks.
    """
    shown = {part for identity in table["identity"] for part in identity.split()}
    found = families(table, records)
    ordered = [(family, part) for family in found for part in by_task(family.current)]
    ordered += [(family, part) for family in found for part in by_task(family.superseded)]
    return {
        "tasks": [_task(task, part, family.title, family.file, videos) for family, (task, part) in ordered],
        "records": {one.identity[:12]: _provenance(one) for one in records if one.identity[:12] in shown},
        "notes": {"brackets": BRACKETS, "superseded": OLD, "rule": RULE},
    }


def _task(task_id: str, part: pd.DataFrame, family: str, file: str, videos: Sequence[Video]) -> Json:
    task, rows = load_task(task_id), part.to_dict("records")
    metrics = {metric.head: metric for metric in metrics_of(task) if metric.shown >= Shown.IN_SECOND_TABLE}
    redundant = {"score"} if same_as_success(part) else set()
    columns = [
        column
        for column in columns_of(task_id)
        if column.head not in redundant and any(column.text(row) not in (NONE, "") for row in rows)
    ]
    first = one_a_policy(part)["identity"].tolist()
    return {
        "id": task_id,
        "name": printable(task_id.rsplit("/", 1)[-1]),
        "family": printable(family),
        "page": file,
        "newer": task.superseded_by,
        "success": printable(task.success),
        "facts": _facts(task, rows[0]),
        "floor": task.floor.success if task.floor is not None else None,
        "ceiling": task.ceiling.success if task.ceiling is not None else None,
        "modes": [printable(mode) for mode in task.modes],
        "columns": [_column(column, metrics.get(column.head)) for column in columns],
        "rows": [_row(row, columns, metrics, row["identity"] in first) for row in rows],
        "published": _published(task),
        "videos": [video.as_json() for video in videos if video.task == task_id.rsplit("/", 1)[-1]],
    }


def _facts(task: TaskSpec, row: Mapping[Any, Any]) -> str:
    return (
        f"{task.rate_hz:g} control steps a second, at most {task.max_episode_steps} an episode; "
        f"{row['n_starts']} start states ({printable(row['starts'])})."
    )


def _column(column: Column, metric: Metric | None) -> Json:
    return {
        "head": printable(column.head),
        "about": printable(column.explanation),
        "main": column.shown >= Shown.IN_TABLE,
        "better": metric.better if metric is not None else "neither",
        "interval": printable(metric.interval) if metric is not None else "",
        "source": printable(metric.source) if metric is not None else "",
        "share": metric is not None and metric.unit.startswith("share"),
    }


def _row(row: Mapping[Any, Any], columns: Sequence[Column], metrics: Mapping[str, Metric], first: bool) -> Json:
    role = role_of(row["policy"])
    counts = json.loads(row["mode_counts"]) if isinstance(row["mode_counts"], str) else {}
    return {
        "policy": printable(row["policy"]),
        "step": _number(row["step"]),
        "seeds": printable(row["training_seeds"]),
        "role": {None: "method", Role.DEMONSTRATOR: "script"}.get(role, "reference"),
        "first": first,
        "success": [_number(row[f"success_rate{end}"]) for end in ("", "_low", "_high")],
        "score": [_number(row[f"score{end}"]) for end in ("", "_low", "_high")],
        "published": _number(row["published_avg"]),
        "latency_ms": [_milliseconds(row[f"call_{name}_s"]) for name in ("p50", "p95", "p99")],
        "entropy": _number(row.get("behaviour_entropy")),
        "modes": [int(count) for count in counts.values()],
        "records": row["identity"].split(),
        "cells": [_cell(row, column, metrics.get(column.head)) for column in columns],
    }


def _cell(row: Mapping[Any, Any], column: Column, metric: Metric | None) -> JsonValue:
    """Text, the number that the column is sorted by, and its interval where it has one."""
    text = printable(column.text(row))
    if metric is None:
        found = _NUMBER.match(text)
        return [text, float(found[0].replace(",", ""))] if found else [text]
    ends = [_number(row[f"{metric.column}{end}"]) for end in ("_low", "_high")] if metric.with_interval else []
    return [text, _number(row.get(metric.column)), *ends]


def _published(task: TaskSpec) -> Json:
    published = task.part(PublishedResults) or PublishedResults(())
    return {
        "note": printable(" ".join(published.note.split())),
        "results": [
            [printable(one.method), printable(one.metric), one.value, printable(one.source)]
            for one in published.results
        ],
    }


def _provenance(record: Record) -> Json:
    """Where a record comes from: what was evaluated, with what, when, and by which command."""
    made, cell = record.provenance, record.cell
    of_episodes = record.origin_of_episodes
    facts: dict[str, str] = {
        "identity": record.identity,
        "training seed": _told(record.policy.seed),
        "training steps": _told(record.policy.step),
        "checkpoint": _told(record.policy.checkpoint_sha256),
        "start seeds": _seeds(cell.start_seeds),
        "sampler seeds": _seeds(cell.sampler_seeds),
        "protocol": f"version {cell.protocol_version}, starts {cell.starts}",
        "configuration": json.dumps(record.policy.config, sort_keys=True),
        "commit": f"{_told(of_episodes.commit.id)}{' with local changes' if of_episodes.commit.dirty else ''}",
        "versions": ", ".join(f"{name} {version}" for name, version in of_episodes.versions.items() if version),
        "machine": ", ".join(filter(None, (of_episodes.hardware.cpu, of_episodes.hardware.gpu))),
        "platform": of_episodes.hardware.platform,
        "command": of_episodes.command,
        "date (UTC)": of_episodes.date_utc,
        "latency": f"{record.latency.n_calls} calls, {record.latency.n_threads} thread(s), {made.date_utc}, "
        f"{made.hardware.cpu}",
        "origin": str(record.submission) if record.submission is not None else "evaluated by this project",
        "episodes": record.trajectories.file if record.trajectories is not None else "trajectories not kept",
    }
    return {name: printable(text) for name, text in facts.items()}


def _told(value: object) -> str:
    return "-" if value is None else str(value)


def _seeds(seeds: Sequence[int]) -> str:
    whole = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]} to {seeds[-1]}" if whole and len(seeds) > 2 else ", ".join(map(str, seeds))


def _number(value: object) -> float | None:
    """A number that JSON can hold, with the digits that a page can show."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _milliseconds(value: object) -> float | None:
    seconds = _number(value)
    return None if seconds is None else float(f"{1e3 * seconds:.4g}")
