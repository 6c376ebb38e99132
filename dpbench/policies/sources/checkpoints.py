"""Checkpoints: folders of the zoo and of training runs. They are described from their JSON alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from dpbench.errors import CheckpointError, ConfigError, UnknownNameError
from dpbench.policies.checkpoint import load_checkpoint
from dpbench.policies.checkpoint_description import CHECKPOINT, CHECKPOINT_JSON, read_description
from dpbench.policies.networks import learned_policy, method_of, n_parameters_of
from dpbench.policies.policy_source import PolicyDescription
from dpbench.policies.protocol import Policy
from dpbench.policies.task_meaning import check_meaning
from dpbench.tasks import load_task


class CheckpointSource:
    """A reference is a folder with a `checkpoint.json`."""

    def describe(self, reference: str, task_id: str | None, options: Mapping[str, str]) -> PolicyDescription:
        """From the JSON: weights are neither read nor hashed, and no network is built.

        Raises:
            CheckpointError: when there is no checkpoint, or one for another task, or of a method, a configuration or a
                task that does not exist, or of a task whose numbers meant something else when it was trained.
            ConfigError: for options that the method does not have.
        """
        told = read_description(Path(reference))
        with _naming(reference):
            task = load_task(told["task"])
            check_meaning(told.get("meaning"), task)
            baseline, config = method_of(told, {})
            n_parameters = n_parameters_of(told)
        if task_id is not None and load_task(task_id).id != task.id:
            raise CheckpointError(
                f"{reference} was trained for {task.id}, not for {task_id}; name a checkpoint of that task."
            )
        config = baseline.with_options(config, options)
        identity = {
            "baseline": baseline.name,
            "preset": told["preset"],
            "config": asdict(config),
            "checkpoint_sha256": told["weights_sha256"],
            "seed": told["seed"],
            "step": told["step"],
            "n_parameters": n_parameters,
            # Only of a checkpoint that a run kept beside its last one: all others stay what they were.
            **({"run_steps": told["run_steps"]} if told.get("run_steps") is not None else {}),
        }
        return PolicyDescription(
            source="checkpoint",
            reference=reference,
            baseline=baseline.name,
            task_id=task.id,
            horizon=config.window,
            identity=identity,
            options=options,
            packages=baseline.packages,
        )

    def open(self, description: PolicyDescription, device: str, micro_batch: int | None) -> Policy:
        """The network with its weights, whose SHA-256 is verified.

        Raises:
            CheckpointError: when the weights are corrupt, do not fit, or are no longer those that were described.
        """
        checkpoint = load_checkpoint(Path(description.reference))
        if checkpoint.sha256 != description.identity["checkpoint_sha256"]:
            raise CheckpointError(
                f"{description.reference}: its weights were replaced since the command started; run it again."
            )
        with _naming(description.reference):
            return learned_policy(checkpoint, description.options, device, micro_batch)


@contextmanager
def _naming(reference: str) -> Iterator[None]:
    """Name the file in errors that come from what it says."""
    try:
        yield
    except (CheckpointError, ConfigError, UnknownNameError) as error:
        raise CHECKPOINT.wrong(Path(reference) / CHECKPOINT_JSON, error) from error


SOURCE = CheckpointSource()
