"""The policy of a record from elsewhere, from a checkpoint folder or, where it is a script, from what is installed.

A checkpoint is JSON and safetensors: nothing in it is executed. Other sources of policies, some of which unpickle, are
not asked here, whatever the record says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.errors import shown
from dpbench.policies.baseline import Baseline, ScriptedPolicy
from dpbench.policies.opening import LATENCY_STEPS, TEMPORAL_ENSEMBLE
from dpbench.policies.sampling import as_options
from dpbench.records.record import PolicyIdentity, Record
from dpbench.registry import registry


def is_scripted(policy: PolicyIdentity) -> bool:
    """Whether it is a script that is installed here, so that no checkpoint is needed."""
    known = registry("baseline")
    return (
        policy.checkpoint_sha256 is None
        and policy.baseline in known
        and isinstance(known.load(policy.baseline), ScriptedPolicy)
    )


def cell_of(record: Record, checkpoint: Path | None) -> ResolvedCell:
    """The cell of a record, looked up here.

    Args:
        record: whose starts are those of its task.
        checkpoint: its folder; None for a script.

    Raises:
        DpbenchError: for a checkpoint that is missing or damaged, or of a method that is not installed.
    """
    reference = f"scripted:{record.policy.baseline}" if checkpoint is None else f"checkpoint:{checkpoint}"
    return resolve(
        Cell(
            policy=reference,
            task_id=record.cell.task,
            starts=record.cell.starts,
            sampler_seeds=record.cell.sampler_seeds,
            options=_options(record.policy),
        )
    )


def objections_to_policy(record: Record, cell: ResolvedCell) -> Iterator[str]:
    """What the policy has otherwise than the record says, one sentence each, the weights first."""
    told, found = (one.model_dump(mode="json") for one in (record.policy, cell.evaluated.policy))
    sha256 = "checkpoint_sha256"
    if told.get(sha256) != found.get(sha256):
        yield f"is of weights with SHA-256 {told.get(sha256)}, those of the checkpoint have {found.get(sha256)}"
        return
    for place, of_record, of_policy in _differences(told, found, "cell.policy"):
        yield f"{place} is {shown(of_record)}, of the policy it is {shown(of_policy)}"
    if record.identity != cell.identity:
        yield "its cell is not the one that this dpbench makes of the policy"


def _options(policy: PolicyIdentity) -> dict[str, str]:
    """The inference-time choices that a record's policy was opened with."""
    extras = policy.model_dump(mode="json")
    chosen = {name: str(extras[name]) for name in (LATENCY_STEPS, TEMPORAL_ENSEMBLE) if name in extras}
    known = registry("baseline")
    method = known.load(policy.baseline) if policy.baseline in known else None
    if isinstance(method, Baseline) and method.sampling is not None:
        chosen |= as_options(method.sampling.of(method.config(policy.config)))
    return chosen


def _differences(
    told: Mapping[str, object], found: Mapping[str, object], place: str
) -> Iterator[tuple[str, object, object]]:
    for name in sorted({*told, *found}):
        one, other = told.get(name, "missing"), found.get(name, "missing")
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{place}.{name}")
        elif one != other:
            yield f"{place}.{name}", one, other
