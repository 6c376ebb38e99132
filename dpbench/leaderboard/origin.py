"""Where the records of a page come from: commit, machine, packages, threads, and what else ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dpbench.escaping import in_markdown, in_markdown_code
from dpbench.records.record import Record
from dpbench.tasks import load_task

UNKNOWN = "not recorded"


def origins(records: Sequence[Record]) -> str:
    """A list of the different origins, each with its number of records."""
    counted = Counter(_origin(record) for record in records)
    lines = [f"- {count} {'record' if count == 1 else 'records'}: {text}" for text, count in sorted(counted.items())]
    return "\n".join(["## Where the records come from", "", *lines])


def _origin(record: Record) -> str:
    made = record.provenance
    commit = f"commit `{in_markdown_code((made.commit.id or UNKNOWN)[:12])}`"
    commit += " (with local changes)" if made.commit.dirty else ""
    cores = f" ({made.hardware.cores} cores)" if made.hardware.cores else ""
    # Older records name the packages of one simulator for every task; what the task does not use is not shown.
    wanted = dict.fromkeys(("python", "torch", "numpy", *load_task(record.cell.task).packages))
    versions = ", ".join(in_markdown(f"{name} {made.versions.get(name) or UNKNOWN}") for name in wanted)
    told = f"{commit}; {in_markdown(made.hardware.gpu or made.hardware.cpu)}{cores}; {versions}; {_latency(record)}"
    return f"{told}; **{record.submission}**" if record.submission is not None else told


def _latency(record: Record) -> str:
    n_threads, cores = record.latency.n_threads, record.latency.other_cores
    threads = f"latency with {n_threads} {'thread' if n_threads == 1 else 'threads'}"
    if cores is None:
        return f"{threads}, other load {UNKNOWN}"
    return (
        f"{threads} on an otherwise idle machine" if record.latency.idle else f"{threads} beside {cores:.1f} busy cores"
    )
