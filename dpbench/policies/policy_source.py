"""Where policies come from: a source describes a policy before it is opened, and opens it.

A source is a file with a `PolicySource`, named in a table of the entry-point group `dpbench.policy_sources`:

    SOURCES = {"my-source": "my_package.my_source:SOURCE"}      # then: dpbench evaluate my-source:REFERENCE
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from dpbench.errors import ConfigError
from dpbench.policies.protocol import Policy
from dpbench.spec import Horizon, TaskSpec
from dpbench.tasks import load_task


@dataclass(frozen=True)
class PolicyDescription:
    """A policy before it is opened.

    Attributes:
        source: name of its source in the registry.
        reference: what the source opens, such as a folder, a name or a file.
        baseline: name of the method or script, as tables show it.
        task_id: Gymnasium id of the task that it acts in.
        horizon: observed, predicted and executed steps, with the options applied.
        identity: JSON-able: everything about the policy that decides its actions, as records keep it
            (`dpbench.records.record.PolicyIdentity`): `baseline`, `preset`, `config`, `checkpoint_sha256`,
            `n_parameters`, of a trained one `seed` and `step`, the options that fit any policy, and what else the
            source knows.
        options: inference-time choices of the method, as they were given, e.g. `{"temperature": "1"}`.
        n_latency_steps: steps that it acts late (`DelayedPolicy`), None for a policy as it is.
        ensemble_decay: of the temporal ensemble around it (`TemporalEnsemble`), None for a policy as it is.
        packages: distributions whose versions decide its actions, beside the harness's own.
    """

    source: str
    reference: str
    baseline: str
    task_id: str
    horizon: Horizon
    identity: Mapping[str, Any]
    options: Mapping[str, str] = field(default_factory=dict)
    n_latency_steps: int | None = None
    ensemble_decay: float | None = None
    packages: tuple[str, ...] = ()


@runtime_checkable
class PolicySource(Protocol):
    """One way to get policies; `describe` is cheap where the source allows it."""

    def describe(self, reference: str, task_id: str | None, options: Mapping[str, str]) -> PolicyDescription:
        """What a policy is.

        Args:
            reference: the text behind `SOURCE:`.
            task_id: Gymnasium id of the task to act in, None where the policy should know.
            options: inference-time choices of the method; those that fit any policy are not among them.

        Raises:
            DpbenchError: for a policy, task or option that does not exist, in one sentence.
        """
        ...

    def open(self, description: PolicyDescription, device: str, micro_batch: int | None) -> Policy:
        """The policy, ready to act, without what is put around any policy (`DelayedPolicy`, `TemporalEnsemble`).

        Args:
            description: of this source.
            device: torch device.
            micro_batch: rows a network call, None for the batch as it is.

        Raises:
            DpbenchError: when it cannot be opened, or is no longer what was described.
        """
        ...


def plain_options(text: str, options: Mapping[str, str]) -> None:
    """Refuse options, for a source whose policies have none.

    Raises:
        ConfigError: when there are any.
    """
    if options:
        raise ConfigError(f"{text!r} has no sampling options, got {dict(options)}.")


def named_task(text: str, task_id: str | None) -> TaskSpec:
    """The task of a policy that does not know its own.

    Raises:
        ConfigError: when none was named.
        UnknownNameError: for a task that is not installed.
    """
    if task_id is None:
        raise ConfigError(f"{text!r} does not know its task: name one with --task.")
    return load_task(task_id)
