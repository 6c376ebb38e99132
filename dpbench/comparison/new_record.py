"""The record of an evaluated cell, made from its episodes."""

from __future__ import annotations

from collections.abc import Sequence

from dpbench.comparison.cells import ResolvedCell
from dpbench.evaluation.action_distribution import probe_states
from dpbench.metrics.behaviour import Behaviour
from dpbench.metrics.episode import Episode, EpisodeSet, ProbedState
from dpbench.metrics.measure import episode_columns, summarise
from dpbench.metrics.metric import EpisodeValue, Value
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.metrics.table import METRICS
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.opening import open_policy
from dpbench.policies.threads import N_THREADS
from dpbench.provenance import provenance
from dpbench.records.record import Episodes, EvaluatedCell, Latency, Provenance, Record

DECIMALS = 6


def make_record(cell: ResolvedCell, episodes: Sequence[Episode], latency: Latency) -> Record:
    """Everything that is kept of an evaluation.

    Args:
        cell: what was evaluated.
        episodes: one a trial.
        latency: of the policy.
    """
    recorded = EpisodeSet(cell.task, tuple(episodes), cell.policy.horizon.n_action_steps, _probes(cell))
    columns = episode_columns(recorded, METRICS)
    summary = summarise(recorded, columns, METRICS)
    return Record(
        identity=cell.identity,
        cell=EvaluatedCell.model_validate(cell.content, strict=False),
        modes=cell.task.modes,
        summary={name: rounded(value) for name, value in summary.items()},
        episodes=Episodes.model_validate(
            {
                "start_seed": tuple(episode.trial.start_seed for episode in episodes),
                "sampler_seed": tuple(episode.trial.sampler_seed for episode in episodes),
                **{name: tuple(_rounded_value(value) for value in values) for name, values in columns.items()},
            }
        ),
        latency=latency,
        provenance=provenance_of(cell),
    )


def provenance_of(cell: ResolvedCell) -> Provenance:
    """Where a result of now comes from, with the packages that task and policy name."""
    found = provenance((*cell.task.packages, *cell.policy.packages))
    return Provenance.model_validate({**found, "threads": {**found["threads"], "torch": N_THREADS}})


def rounded(value: Value) -> Value:
    """To six decimals, as records keep numbers."""
    if isinstance(value, Estimate):
        return Estimate(round(value.mean, DECIMALS), round(value.low, DECIMALS), round(value.high, DECIMALS))
    return round(value, DECIMALS)


def _rounded_value(value: EpisodeValue) -> EpisodeValue:
    return round(value, DECIMALS) if isinstance(value, float) else value


def _probes(cell: ResolvedCell) -> tuple[ProbedState, ...]:
    behaviour = cell.task.part(Behaviour)
    if behaviour is None or behaviour.conditional is None:
        return ()
    demonstrator = scripted_demonstrator(cell.task).policy(cell.task)
    return probe_states(open_policy(cell.policy, device=cell.device), cell.task, demonstrator, behaviour.conditional)
