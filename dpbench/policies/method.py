"""Protocols of a method: `loss` and `sample` of a torch module, in normalised units, and what else it may define."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dpbench.errors import ConfigError, DataError
from dpbench.policies.noise import NoiseStreams

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Normalised training windows.

    Attributes:
        observations: flat key -> `(B, To, ...)` float32; `(B, Tp, ...)` for a method with sequence observations.
        actions: `(B, Tp, Da)` float32 in [-1, 1].
        real: `(B, Tp)` bool, for a method that masks padding (`Baseline.masks_padding`): False where an action repeats
            the first or last one of its episode because the window reaches beyond it. None: all are real.

    Raises:
        DataError: for NaN or infinite values. Only checked on a CPU: on a GPU the check would make every step wait,
            and the values of a store were checked when it was read.
    """

    observations: Mapping[str, Tensor]
    actions: Tensor
    real: Tensor | None = None

    def __post_init__(self) -> None:
        for key, value in (*self.observations.items(), ("action", self.actions)):
            # A sum is finite only when every term is.
            if value.device.type == "cpu" and not math.isfinite(value.sum().item()):
                raise DataError(f"{key!r} holds NaN or infinite values; check the demonstrations.")


@runtime_checkable
class Method(Protocol):
    """A torch module with these two functions, in normalised units."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Scalar training loss; all randomness from `generator`."""
        ...

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` observations -> `(B, Tp, Da)` actions; all randomness from `noise`, one stream a row."""
        ...


def as_method(module: nn.Module) -> Method:
    """A module as a Method.

    Raises:
        ConfigError: for a module that lacks `loss` or `sample`.
    """
    if not isinstance(module, Method):
        raise ConfigError(
            f"{type(module).__name__} lacks loss(batch, generator) or sample(observations, noise): a baseline "
            "builds a torch module with both."
        )
    return module


@runtime_checkable
class Recurrent(Protocol):
    """A Method with a recurrent state. The harness keeps it over an episode, one row for each."""

    def initial_memory(self, n_rows: int) -> Tensor:
        """State at the start of an episode, `(B, ...)`."""
        ...

    def sample_with_memory(
        self, observations: Mapping[str, Tensor], noise: NoiseStreams, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As `sample`, from a state; also returns the state after it."""
        ...


@runtime_checkable
class PartlyDecayed(Protocol):
    """A Method that trains some of its parameters without weight decay."""

    def no_decay(self) -> frozenset[str]:
        """Names of those parameters, as `named_parameters` gives them."""
        ...


class TrainingSet(Protocol):
    """All training windows, normalised."""

    @property
    def actions(self) -> Tensor:
        """`(N, Tp, Da)`."""
        ...

    def in_batches(self, batch_size: int) -> Iterator[Batch]:
        """Every window once, in order; the last batch may be smaller."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A Method that is fitted to the data before its first gradient step: bins, code books, or nothing but that."""

    def fit(self, data: TrainingSet, generator: torch.Generator) -> None:
        """Set buffers or frozen parameters; whatever is learned must be in the module's `state_dict`."""
        ...
