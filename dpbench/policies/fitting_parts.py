"""Whether the weights and normalisers of a checkpoint are those of its network and task, before memory is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from dpbench.data.normalise import Normaliser
from dpbench.data.plausible import check_values, spec_of
from dpbench.errors import CheckpointError, ConfigError, DataError
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline
from dpbench.spec import TaskSpec

MAX_PARTS = 10_000
"""Parameters and modules of a network; the largest that we ship has fewer than 1,000."""


def without_memory(baseline: Baseline[Any], config: Any, task: TaskSpec) -> torch.nn.Module:
    """The network with its shapes but no numbers, whatever sizes a configuration asks for.

    Raises:
        ConfigError: for a configuration of which no network, or one of more than `MAX_PARTS` parts, can be built.
    """
    n_parts = 0

    def count(*_: object) -> None:
        nonlocal n_parts
        n_parts += 1
        if n_parts > MAX_PARTS:
            raise ConfigError(f"{config} gives {baseline.name} more than {MAX_PARTS:,} parts: choose fewer layers.")

    hooks = register_module_parameter_registration_hook(count), register_module_module_registration_hook(count)
    try:
        with torch.device("meta"):
            return baseline.build(config, Features.from_task(task))
    except ConfigError:
        raise
    except Exception as error:  # Whatever a method and torch say about sizes.
        raise ConfigError(f"no {baseline.name} can be built with {config} ({error!r}).") from error
    finally:
        for hook in hooks:
            hook.remove()


def check_weights(weights: Mapping[str, Tensor], baseline: Baseline[Any], config: Any, task: TaskSpec) -> None:
    """Compare the parameters with those of the network.

    Buffers are left to `load_state_dict`: those of a fitted method have the size of its data.

    Raises:
        CheckpointError: for a parameter that is missing or has another shape.
        ConfigError: as `without_memory`.
    """
    module = without_memory(baseline, config, task)
    for name, parameter in module.named_parameters():
        found = weights.get(name)
        if found is None or found.shape != parameter.shape:
            there = "are missing" if found is None else f"have shape {tuple(found.shape)}"
            raise CheckpointError(
                f"the weights do not fit {baseline.name} with {config}: {name} {there}, expected "
                f"{tuple(parameter.shape)}"
            )


def check_normalisers(normalisers: Mapping[str, Normaliser], task: TaskSpec) -> None:
    """Compare the normalisers with the vectors of a task.

    Raises:
        CheckpointError: for one that is missing, unknown, of another length, or made for other data: what it takes for
            the range of the data lies far outside of the task's bounds.
    """
    sizes = {key: spec.shape[0] for key, spec in task.observations.items() if not key.startswith("pixels.")}
    sizes["action"] = task.action.dim
    if odd := sorted(sizes.keys() ^ normalisers.keys()):
        there = "has no normaliser" if odd[0] in sizes else "is not observed, but has a normaliser"
        raise CheckpointError(f"{odd[0]!r} {there}; {task.id} needs one for each of {', '.join(sorted(sizes))}")
    for key, normaliser in normalisers.items():
        if len(normaliser.scale) != sizes[key]:
            raise CheckpointError(
                f"the normaliser of {key!r} has {len(normaliser.scale)} values, {task.id} has {sizes[key]}"
            )
        # Values that hardly change in the data are only shifted: of those the middle is known.
        reach = np.where(normaliser.scale == 1, 0, [[-1], [1]]).astype(np.float32)
        with np.errstate(over="ignore"):
            ends = normaliser.denormalise(reach)
        try:
            check_values(ends, spec_of(task, key), f"the normaliser of {key!r}", task)
        except DataError as error:
            raise CheckpointError(str(error)) from error
