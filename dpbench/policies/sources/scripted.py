"""Scripted policies of the registry, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpbench.errors import CheckpointError, UnknownNameError
from dpbench.policies.baseline import ScriptedPolicy
from dpbench.policies.policy_source import PolicyDescription, named_task, plain_options
from dpbench.policies.protocol import Policy
from dpbench.registry import registry
from dpbench.tasks import load_task


class ScriptedSource:
    """A reference is a name of the registry of baselines, such as `hold`."""

    def describe(self, reference: str, task_id: str | None, options: Mapping[str, str]) -> PolicyDescription:
        """Made once for its horizon: a script costs nothing to make.

        Raises:
            UnknownNameError: with the nearest known names.
            CheckpointError: for the name of a method, which has to be trained first.
            ConfigError: without a task, for a task that the script cannot act in, or with options.
        """
        script = _script(reference)
        task = named_task(reference, task_id)
        plain_options(reference, options)
        identity: dict[str, Any] = {
            "baseline": reference,
            "preset": None,
            "config": {},
            "n_parameters": 0,
            "checkpoint_sha256": None,
        }
        return PolicyDescription(
            source="scripted",
            reference=reference,
            baseline=reference,
            task_id=task.id,
            horizon=script.make(task).horizon,
            identity=identity,
            packages=script.packages,
        )

    def open(self, description: PolicyDescription, device: str, micro_batch: int | None) -> Policy:  # noqa: ARG002
        """A script needs no device and computes no batches."""
        return _script(description.reference).make(load_task(description.task_id))


def _script(name: str) -> ScriptedPolicy:
    try:
        script = registry("baseline").load(name)
    except UnknownNameError as error:
        raise UnknownNameError(f"there is no checkpoint folder {name!r}; as a scripted policy: {error}") from error
    if not isinstance(script, ScriptedPolicy):
        raise CheckpointError(f"{name!r} is a method, not a checkpoint: train it first, then name the run's folder.")
    return script


SOURCE = ScriptedSource()
