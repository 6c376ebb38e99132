"""Open a policy by name: a checkpoint folder, a scripted policy of the registry, or a Stable-Baselines3 file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from dpbench.errors import CheckpointError, ConfigError
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline, ScriptedPolicy
from dpbench.policies.checkpoint import Checkpoint, load_checkpoint
from dpbench.policies.delayed import DelayedPolicy
from dpbench.policies.ensembled import TemporalEnsemble
from dpbench.policies.learned import MICRO_BATCH, LearnedPolicy
from dpbench.policies.method import as_method
from dpbench.policies.policy_source import PolicyDescription
from dpbench.policies.protocol import Policy
from dpbench.policies.sources.stable_baselines import open_stable_baselines
from dpbench.registry import registry
from dpbench.tasks import load_task

STABLE_BASELINES = "sb3:"


@dataclass(frozen=True)
class OpenedPolicy:
    """A policy with what it is.

    Attributes:
        policy: what the evaluator calls.
        name: name of the baseline.
        task_id: task it acts in.
        identity: JSON-able: `baseline`, `preset`, `config`, `checkpoint_sha256`, `seed`, `step`, `n_parameters`, ...
    """

    policy: Policy
    name: str
    task_id: str
    identity: Mapping[str, Any]


def open_policy(
    source: str,
    task_id: str | None = None,
    *,
    device: str = "cpu",
    sampling: Mapping[str, str] | None = None,
    micro_batch: int | None = MICRO_BATCH,
) -> OpenedPolicy:
    """Open a checkpoint folder, a scripted policy or a Stable-Baselines3 model.

    Args:
        source: folder with a `checkpoint.json`, a name such as `"hold"`, or `"sb3:model.zip"`.
        task_id: task to act in; a checkpoint knows its own.
        device: torch device.
        sampling: inference-time options, e.g. `{"sampler": "ddim", "steps": "10"}`; `temporal_ensemble` and
            `latency_steps` fit any policy that predicts chunks.
        micro_batch: rows a network call, None for the batch as it is.

    Raises:
        CheckpointError: when the checkpoint is missing, corrupt, or made for another task.
        UnknownNameError: when `source` is neither a folder nor a known name.
        ConfigError: for sampling options that the method does not have, or a scripted policy without a task.
    """
    options = dict(sampling or {})
    latency, decay = options.pop("latency_steps", None), options.pop("temporal_ensemble", None)
    opened = _open(source, task_id, device, options, micro_batch)
    # In this order: what comes late can still be averaged, but an average is one action, of which none may be lost.
    if latency is not None:
        if not latency.isdecimal():
            raise ConfigError(f"latency_steps = {latency!r}: expected a whole number of control steps, such as 3.")
        opened = _around(opened, DelayedPolicy(opened.policy, int(latency)), {"latency_steps": int(latency)})
    if decay is not None:
        try:
            ensemble = TemporalEnsemble(opened.policy, float(decay))
        except ValueError as error:
            raise ConfigError(f"temporal_ensemble = {decay!r}: expected a number, such as 0.01.") from error
        opened = _around(opened, ensemble, {"temporal_ensemble": float(decay)})
    return opened


def describe_policy(
    source: str, task_id: str | None = None, sampling: Mapping[str, str] | None = None
) -> PolicyDescription:
    """What a policy is, without opening it for good.

    Raises:
        DpbenchError: as `open_policy`.
    """
    opened = open_policy(source, task_id, sampling=sampling)
    horizon = opened.policy.horizon
    return PolicyDescription(source, opened.name, opened.task_id, horizon, dict(sampling or {}), opened.identity)


def _around(opened: OpenedPolicy, policy: Policy, option: Mapping[str, float]) -> OpenedPolicy:
    return replace(opened, policy=policy, identity={**opened.identity, **option})


def _open(
    source: str, task_id: str | None, device: str, sampling: Mapping[str, str], micro_batch: int | None
) -> OpenedPolicy:
    if source.startswith(STABLE_BASELINES):
        known_task = _task_of(source, task_id, sampling)
        model, described = open_stable_baselines(Path(source.removeprefix(STABLE_BASELINES)), known_task, device)
        return OpenedPolicy(model, str(described["baseline"]), known_task, described)
    if Path(source).exists() or "/" in source:
        return _open_checkpoint(Path(source), task_id, device, sampling, micro_batch)
    baseline = registry("baseline").load(source)
    if not isinstance(baseline, ScriptedPolicy):
        raise CheckpointError(f"{source!r} is a method, not a checkpoint: train it first, then name the run's folder.")
    known_task = _task_of(source, task_id, sampling)
    policy = baseline.make(load_task(known_task))
    identity: dict[str, Any] = {
        "baseline": source,
        "preset": None,
        "config": {},
        "n_parameters": 0,
        "checkpoint_sha256": None,
    }
    return OpenedPolicy(policy, source, known_task, identity)


def _task_of(source: str, task_id: str | None, sampling: Mapping[str, str]) -> str:
    if task_id is None:
        raise ConfigError(f"{source!r} does not know its task: name one with --task.")
    if sampling:
        raise ConfigError(f"{source!r} has no sampling options, got {dict(sampling)}.")
    return task_id


def policy_from_weights(
    checkpoint: Checkpoint, device: str, sampling: Mapping[str, str], micro_batch: int | None
) -> tuple[LearnedPolicy, dict[str, Any]]:
    """The network of a checkpoint, ready to act, and its identity.

    Raises:
        CheckpointError: when the weights do not fit the network.
        ConfigError: for sampling options that the method does not have.
    """
    description = checkpoint.description
    baseline: Baseline[Any] = registry("baseline").load(description["baseline"])
    config = baseline.with_options(baseline.config(description["config"]), sampling)
    module = baseline.build(config, Features.from_task(load_task(description["task"])))
    try:
        module.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise CheckpointError(f"the weights do not fit {baseline.name} with {config}: {error}") from error
    module.to(device).eval()
    policy = LearnedPolicy(as_method(module), config.window, checkpoint.normalisers, torch.device(device), micro_batch)
    identity = {
        "baseline": baseline.name,
        "preset": description["preset"],
        "config": asdict(config),
        "checkpoint_sha256": checkpoint.sha256,
        "seed": description["seed"],
        "step": description["step"],
        "n_parameters": sum(parameter.numel() for parameter in module.parameters()),
    }
    return policy, identity


def _open_checkpoint(
    folder: Path, task_id: str | None, device: str, sampling: Mapping[str, str], micro_batch: int | None
) -> OpenedPolicy:
    checkpoint = load_checkpoint(folder)
    trained_for = str(checkpoint.description["task"])
    if task_id is not None and task_id != trained_for:
        raise CheckpointError(
            f"{folder} was trained for {trained_for}, not for {task_id}; name a checkpoint of that task."
        )
    policy, identity = policy_from_weights(checkpoint, device, sampling, micro_batch)
    return OpenedPolicy(policy, str(identity["baseline"]), trained_for, identity)
