"""Whether a record follows the protocol of its task, and whether what it says of latency and machine can be."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dpbench.comparison.cells import PROTOCOL_VERSION
from dpbench.errors import shown
from dpbench.evaluation.latency import MIN_CALLS
from dpbench.records.machine import Latency
from dpbench.records.record import Record
from dpbench.spec import TaskSpec

CLOSE = 1e-3
"""Relative; times of older records were rounded."""
SHORTEST_CALL_S, LONGEST_CALL_S = 1e-7, 3600.0
MOST_PARAMETERS, MOST_THREADS, MOST_CORES = 10**12, 4096, 10**5
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


def objections_to_protocol(record: Record, task: TaskSpec) -> Iterator[str]:
    """What is not as the task's reported results are made, one sentence each.

    Args:
        record: to judge.
        task: that it names.
    """
    cell = record.cell
    if task.superseded_by:
        yield f"{task.id} is superseded; evaluate in {task.superseded_by}"
    if cell.task != task.id:
        yield f"cell.task = {shown(cell.task)}: expected the whole id, {task.id}"
    if cell.protocol_version != PROTOCOL_VERSION:
        yield f"was made by protocol {cell.protocol_version}, this dpbench takes protocol {PROTOCOL_VERSION}"
    known = {starts.name: starts for starts in task.evaluation}
    starts = known.get(cell.starts)
    if starts is None:
        yield f"cell.starts = {shown(cell.starts)}: {task.id} is reported from {' or '.join(known)}"
        return
    options = json.loads(json.dumps(dict(starts.reset_options)))  # tuples are lists in a record
    if cell.reset_options != options:
        yield f"cell.reset_options = {shown(cell.reset_options)}: expected {shown(options)}"
    if cell.start_seeds != starts.seeds():
        first, last = starts.seeds()[0], starts.seeds()[-1]
        yield (
            f"cell.start_seeds are {len(cell.start_seeds)} other seeds than the {starts.count} of {starts.name} "
            f"({first} to {last})"
        )
    if cell.sampler_seeds != tuple(range(len(cell.sampler_seeds))):
        yield f"cell.sampler_seeds = {shown(list(cell.sampler_seeds))}: expected 0, or 0, 1, 2, ... without a gap"
    if record.modes != task.modes:
        yield f"modes = {shown(list(record.modes))}: those of {task.id} are {list(task.modes)}"


def objections_to_numbers(record: Record) -> Iterator[str]:
    """What the record says of policy, latency, machine and date that cannot be, one sentence each."""
    policy = record.policy
    if policy.n_parameters > MOST_PARAMETERS:
        yield f"cell.policy.n_parameters = {policy.n_parameters:,}: expected at most {MOST_PARAMETERS:,}"
    if policy.n_parameters and policy.checkpoint_sha256 is None:
        yield f"cell.policy has {policy.n_parameters:,} parameters and no checkpoint_sha256"
    yield from _of_latency(record.latency)
    for origin in filter(None, (record.provenance, record.episodes_provenance)):
        if not _is_possible(origin.date_utc):
            yield f"provenance.date_utc = {origin.date_utc} is not a day on which it can have been made"
        if (origin.hardware.cores or 1) > MOST_CORES:
            yield f"provenance.hardware.cores = {origin.hardware.cores}: expected at most {MOST_CORES:,}"


def _is_possible(date: str) -> bool:
    try:
        return FIRST_DAY <= datetime.fromisoformat(date).replace(tzinfo=UTC) <= datetime.now(UTC) + timedelta(days=1)
    except ValueError:  # the 41st of a month
        return False


def _of_latency(latency: Latency) -> Iterator[str]:
    call, step = latency.call_s, latency.control_step_s
    if not SHORTEST_CALL_S <= call.p50 <= call.p99 <= LONGEST_CALL_S:
        yield f"latency.call_s = {call}: expected {SHORTEST_CALL_S:g} to {LONGEST_CALL_S:g} s"
        return
    n_steps = steps_of_a_call(latency)
    for name in ("p50", "p95", "p99"):
        if not math.isclose(getattr(call, name), n_steps * getattr(step, name), rel_tol=CLOSE):
            yield f"latency.control_step_s.{name} is not that of call_s, divided by a number of steps"
    for field, value, expected in (
        ("held_rate_hz", latency.held_rate_hz, n_steps / call.p99),
        ("blocking_rate_hz", latency.blocking_rate_hz, 1 / call.p99),
    ):
        if value is not None and not math.isclose(value, expected, rel_tol=CLOSE):
            yield f"latency.{field} = {value:g} does not follow from call_s, which gives {expected:g}"
    if latency.encode_s is not None and latency.encode_s.p50 > call.p99:
        yield f"latency.encode_s = {latency.encode_s}: a part of a call that is longer than the call"
    if latency.n_calls < MIN_CALLS:
        yield f"latency.n_calls = {latency.n_calls}: expected {MIN_CALLS} at least"
    if latency.n_threads > MOST_THREADS:
        yield f"latency.n_threads = {latency.n_threads}: expected at most {MOST_THREADS:,}"
    if latency.other_cores is not None and not 0 <= latency.other_cores <= MOST_CORES:
        yield f"latency.other_cores = {latency.other_cores:g}: expected 0 to {MOST_CORES:,}"


def steps_of_a_call(latency: Latency) -> int:
    """Control steps that a call serves (Ta), as the latency has it; 1 at least."""
    return max(1, round(latency.call_s.p50 / latency.control_step_s.p50)) if latency.control_step_s.p50 > 0 else 1
