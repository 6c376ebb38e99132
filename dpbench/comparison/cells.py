"""A cell of the comparison: one policy on one task from one list of start states, and its identity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from dpbench.errors import ConfigError, DpbenchError
from dpbench.evaluation.rollout import trials
from dpbench.metrics.episode import Trial
from dpbench.policies.devices import check_device
from dpbench.policies.opening import describe_policy
from dpbench.policies.policy_source import PolicyDescription
from dpbench.policies.real_time import Waiting
from dpbench.records.record import EvaluatedCell
from dpbench.registry import registry
from dpbench.spec import EvaluationStarts, TaskSpec
from dpbench.starts import SELECTION
from dpbench.tasks import load_task

PROTOCOL_VERSION = 1
"""Raised whenever the harness changes in a way that can move figures."""


@dataclass(frozen=True)
class Cell:
    """A request for an evaluation, by names.

    Attributes:
        policy: checkpoint folder, name of a scripted policy, or `SOURCE:REFERENCE`.
        task_id: Gymnasium id; None for a checkpoint's own task.
        starts: name of the start protocol, None for the task's first.
        n_starts: number of start states, None for all of the protocol.
        sampler_seeds: each start state is run once with each.
        options: inference-time choices of the policy.
        device: torch device.
        real_time: evaluate the same trials in real time, too, with the policy's measured latency in the loop. It does
            not move the other figures, and is no part of what identifies them.
    """

    policy: str
    task_id: str | None = None
    starts: str | None = None
    n_starts: int | None = None
    sampler_seeds: tuple[int, ...] = (0, 1, 2)
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    real_time: bool = False


@dataclass(frozen=True)
class ResolvedCell:
    """A request with every name looked up; evaluation, timing, sweeps and reuse take this.

    Attributes:
        policy: what it is; `open_policy` makes it where it acts.
        name: of the policy, as tables of a sweep show it: the folder's, the script's or the file's.
        task: of the policy.
        starts: the start protocol.
        trials: every start state with every sampler seed.
        device: torch device.
        evaluated: everything that decides the result, as records keep it; no paths, dates or machines.
        real_time: evaluate in real time, too.
    """

    policy: PolicyDescription
    name: str
    task: TaskSpec
    starts: EvaluationStarts
    trials: tuple[Trial, ...]
    device: str
    evaluated: EvaluatedCell
    real_time: bool = False

    @property
    def identity(self) -> str:
        """SHA-256 of everything that decides the result; a record with the same one is reused."""
        return self.evaluated.identity()

    @property
    def n_episodes(self) -> int:
        """Episodes to run: each trial once, or in lock-step and in real time."""
        return len(self.trials) * (2 if self.real_time else 1)


def resolve(cell: Cell) -> ResolvedCell:
    """Look up every name of a cell.

    Raises:
        UnknownNameError: for a policy, task or list of start states that does not exist.
        CheckpointError: for a checkpoint that cannot be described.
        ConfigError: for an option that the policy does not have, a device that this machine does not have, less than
            one episode, more of them than the starts for choosing leave room for, or what cannot be evaluated in real
            time and should be.
    """
    check_device(cell.device)
    policy = describe_policy(cell.policy, cell.task_id, cell.options)
    task = load_task(policy.task_id)
    if cell.real_time:
        _check_real_time(policy, task)
    with registry("task").blamed(task.id, DpbenchError):
        starts = task.starts(cell.starts)
        wanted = trials(starts, cell.n_starts, cell.sampler_seeds)
        _check_apart(starts, cell.n_starts, task)
        of_task = {
            "task": task.id,
            "starts": starts.name,
            "reset_options": dict(starts.reset_options),
            "start_seeds": list(starts.seeds(cell.n_starts)),
        }
        json.dumps(of_task)  # options of a plug-in's starts may hold anything
    content = {
        "protocol_version": PROTOCOL_VERSION,
        **of_task,
        "sampler_seeds": list(cell.sampler_seeds),
        "policy": dict(policy.identity),
    }
    try:
        evaluated = EvaluatedCell.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{cell.policy}: what its source {policy.source!r} says of it cannot be recorded ({place}: {first['msg']})."
        ) from error
    name = Path(cell.policy).name
    return ResolvedCell(policy, name, task, starts, wanted, cell.device, evaluated, cell.real_time)


def _check_apart(starts: EvaluationStarts, n_starts: int | None, task: TaskSpec) -> None:
    """See that a list that is run beyond its length does not reach the starts that checkpoints are chosen on."""
    if starts.name != SELECTION and starts.shares_seeds(task.starts(SELECTION), n_starts):
        raise ConfigError(
            f"{task.id}: {n_starts} starts of {starts.name} reach those that checkpoints are chosen on "
            f"({SELECTION}); take fewer."
        )


def _check_real_time(policy: PolicyDescription, task: TaskSpec) -> None:
    """Refuse what real time does not fit.

    Raises:
        ConfigError: for a policy whose calls are late or averaged by the number of control steps, and as `Waiting`.
    """
    Waiting(task)
    if policy.n_latency_steps is not None:
        raise ConfigError(
            f"latency_steps = {policy.n_latency_steps} does not fit real time, which has the policy's own latency: "
            "leave one of them out."
        )
    if policy.ensemble_decay is not None:
        raise ConfigError(
            f"temporal_ensemble = {policy.ensemble_decay:g} does not fit real time: it averages a chunk of every "
            "control step, and a policy that thinks for longer does not give so many. Leave one of them out."
        )
