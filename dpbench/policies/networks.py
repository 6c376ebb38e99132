"""The network of a trained policy, from what its checkpoint says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from dpbench.errors import CheckpointError, ConfigError
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline
from dpbench.policies.checkpoint import Checkpoint
from dpbench.policies.fitting_parts import check_normalisers, check_weights, without_memory
from dpbench.policies.learned import MICRO_BATCH, LearnedPolicy
from dpbench.policies.method import as_method
from dpbench.registry import registry
from dpbench.spec import TaskSpec
from dpbench.tasks import load_task


def method_of(description: Mapping[str, Any], options: Mapping[str, str]) -> tuple[Baseline[Any], Any]:
    """The method of a checkpoint and its configuration, with inference-time choices applied.

    Args:
        description: the JSON of a checkpoint.
        options: such as `{"temperature": "1"}`.

    Raises:
        UnknownNameError: for a method that is not installed.
        ConfigError: for a configuration or options that the method does not have.
    """
    baseline: Baseline[Any] = registry("baseline").load_as(description["baseline"], Baseline)
    try:
        config = baseline.config(description["config"])
    except (TypeError, ValueError, ArithmeticError) as error:  # of a method that does not check the types of its fields
        raise ConfigError(f"{description['config']} does not fit {baseline.name} ({error!r}).") from error
    return baseline, baseline.with_options(config, options)


def n_parameters_of(description: Mapping[str, Any]) -> int:
    """Number of parameters of a checkpoint, from its JSON; older ones do not say it, and it is counted."""
    if "n_parameters" in description:
        return int(description["n_parameters"])
    baseline, config = method_of(description, {})
    return count_parameters(baseline, config, load_task(description["task"]))


def count_parameters(baseline: Baseline[Any], config: Any, task: TaskSpec) -> int:
    """Number of parameters of a network, counted without memory for them."""
    return parameters_of(without_memory(baseline, config, task))


def check_memory(baseline: Baseline[Any], config: Any, task: TaskSpec) -> None:
    """Refuse a network before memory is taken for it.

    Raises:
        ConfigError: when its parameters alone are larger than the memory of this machine.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return
    n_parameters = count_parameters(baseline, config, task)
    needed, there = n_parameters * torch.float32.itemsize, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise ConfigError(
            f"{baseline.name} would have {n_parameters:,} parameters, {needed / 2**30:.0f} GiB, and this machine has "
            f"{there / 2**30:.0f} GiB of memory: choose fewer or narrower layers."
        )


def parameters_of(module: torch.nn.Module) -> int:
    """Number of parameters of a network; buffers are not counted."""
    return sum(parameter.numel() for parameter in module.parameters())


def learned_policy(
    checkpoint: Checkpoint,
    options: Mapping[str, str] | None = None,
    device: str = "cpu",
    micro_batch: int | None = MICRO_BATCH,
) -> LearnedPolicy:
    """The network of a checkpoint, ready to act.

    Args:
        checkpoint: description, weights and normalisers.
        options: inference-time choices of the method.
        device: torch device.
        micro_batch: rows a network call, None for the batch as it is.

    Raises:
        CheckpointError: when the weights do not fit the network, or the normalisers the task.
        ConfigError: for options that the method does not have.
    """
    task = load_task(checkpoint.description["task"])
    baseline, config = method_of(checkpoint.description, options or {})
    check_normalisers(checkpoint.normalisers, task)
    check_weights(checkpoint.weights, baseline, config, task)
    module = baseline.build(config, Features.from_task(task))
    try:
        module.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise CheckpointError(f"the weights do not fit {baseline.name} with {config}: {error}") from error
    said = checkpoint.description.get("n_parameters", (n_parameters := parameters_of(module)))
    if said != n_parameters:
        raise CheckpointError(f"n_parameters = {said}, but the network has {n_parameters}")
    module.to(device).eval()
    return LearnedPolicy(as_method(module), config.window, checkpoint.normalisers, torch.device(device), micro_batch)
