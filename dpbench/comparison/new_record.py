"""The record of an evaluated cell, made from its episodes."""

from __future__ import annotations

from pydantic import ValidationError

from dpbench.comparison.cells import ResolvedCell
from dpbench.errors import DataError
from dpbench.evaluation.action_distribution import probe_states
from dpbench.metrics.behaviour import Behaviour
from dpbench.metrics.episode import EpisodeSet, ProbedState
from dpbench.metrics.measure import measured
from dpbench.metrics.table import metrics_of
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.opening import open_policy
from dpbench.policies.threads import N_THREADS
from dpbench.provenance import provenance
from dpbench.records.machine import Latency, Provenance
from dpbench.records.record import Episodes, Record


def make_record(cell: ResolvedCell, recorded: EpisodeSet, latency: Latency) -> Record:
    """Everything that is kept of an evaluation.

    Args:
        cell: what was evaluated.
        recorded: its episodes, one a trial, and probes.
        latency: of the policy.

    Raises:
        DataError: for metrics that cannot be kept, such as a reward of NaN.
    """
    columns, summary = measured(recorded, metrics_of(cell.task))
    try:
        return Record(
            identity=cell.identity,
            cell=cell.evaluated,
            modes=cell.task.modes,
            summary=summary,
            episodes=Episodes.model_validate({**trial_seeds(recorded), **columns}),
            latency=latency,
            provenance=provenance_of(cell),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{cell.name} on {cell.task.id}: cannot be recorded ({place} = {first['input']!r:.60}: {first['msg']}); "
            "check the task and the policy."
        ) from error


def trial_seeds(recorded: EpisodeSet) -> dict[str, tuple[int, ...]]:
    """Which trial each episode is of, as records keep it."""
    trials = [episode.trial for episode in recorded.episodes]
    return {
        "start_seed": tuple(trial.start_seed for trial in trials),
        "sampler_seed": tuple(trial.sampler_seed for trial in trials),
    }


def provenance_of(cell: ResolvedCell) -> Provenance:
    """Where a result of now comes from, with the packages that task and policy name."""
    found = provenance((*cell.task.packages, *cell.policy.packages))
    return Provenance.model_validate({**found, "threads": {**found["threads"], "torch": N_THREADS}})


def probes_of(cell: ResolvedCell) -> tuple[ProbedState, ...]:
    """States at which the policy's action chunks are compared with the demonstrator's, where that can be done."""
    behaviour = cell.task.part(Behaviour)
    if behaviour is None or behaviour.conditional is None:
        return ()
    demonstrator = scripted_demonstrator(cell.task).policy(cell.task)
    return probe_states(open_policy(cell.policy, device=cell.device), cell.task, demonstrator, behaviour.conditional)
