"""What a method writes: a configuration, a network with `loss` and `sample`, and presets. The harness owns the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from dpbench.errors import ConfigError, UnknownNameError
from dpbench.spec import Horizon, TaskSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from dpbench.policy import NoiseStreams, Policy


@dataclass(frozen=True)
class Features:
    """What a network must know of a task.

    Attributes:
        observations: flat key -> shape without batch and time; pixels as `(3, H, W)`.
        dim_action: action dimensions (Da).
    """

    observations: Mapping[str, tuple[int, ...]]
    dim_action: int

    @classmethod
    def from_task(cls, task: TaskSpec) -> Features:
        """Shapes after normalisation: pixels channel first."""
        shapes = {
            key: (spec.shape[-1], *spec.shape[:-1]) if key.startswith("pixels.") else spec.shape
            for key, spec in task.observations.items()
        }
        return cls(shapes, task.action.dim)

    @property
    def dim_vector(self) -> int:
        """Length of all vector observations of one step together (Do)."""
        return sum(shape[0] for key, shape in self.observations.items() if not key.startswith("pixels."))


@dataclass(frozen=True)
class Batch:
    """Normalised training windows.

    Attributes:
        observations: flat key -> `(B, To, ...)` float32.
        actions: `(B, Tp, Da)` float32 in [-1, 1].
    """

    observations: Mapping[str, Tensor]
    actions: Tensor


class Config(Protocol):
    """A frozen dataclass, JSON-able, whose defaults are the paper's table."""

    @property
    def window(self) -> Horizon:
        """Observed, predicted and executed steps."""
        ...


class Method(Protocol):
    """A torch module with these two functions, in normalised units."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Scalar training loss; all randomness from `generator`."""
        ...

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` observations -> `(B, Tp, Da)` actions; all randomness from `noise`, one stream a row."""
        ...


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation of one preset (AdamW, cosine with linear warm-up, EMA).

    Attributes:
        n_steps: gradient steps.
        batch_size: windows a step.
        learning_rate: peak.
        betas: of AdamW.
        weight_decay: of AdamW.
        warmup_steps: linear warm-up.
        ema_power: decay = 1 - (1 + step)^-power, at most 0.9999; None trains without EMA.
        max_gradient_norm: clipping, None for none.
        val_ratio: share of episodes kept for validation.
    """

    n_steps: int
    batch_size: int = 256
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.95, 0.999)
    weight_decay: float = 1e-6
    warmup_steps: int = 500
    ema_power: float | None = 0.75
    max_gradient_norm: float | None = None
    val_ratio: float = 0.02

    def __post_init__(self) -> None:
        if min(self.n_steps, self.batch_size) < 1:
            raise ConfigError(f"n_steps = {self.n_steps} and batch_size = {self.batch_size} must be at least 1.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate = {self.learning_rate} must be above 0.")


SMALL_BUDGET: Mapping[str, int] = MappingProxyType({"n_steps": 10_000, "batch_size": 128})
"""The training budget of every `small` preset: the same number of gradient steps and windows for each method."""


@dataclass(frozen=True)
class Preset:
    """A named size of a method: `paper` (exact hyper-parameters) or `small` (two CPU cores)."""

    config: Any
    training: TrainingConfig


@dataclass(frozen=True)
class Baseline:
    """A learned method.

    Attributes:
        name: registry name.
        paper: citation.
        presets: name -> configuration and training.
        build: `(config, features) -> torch.nn.Module` that is a Method.
        with_sampling: `(config, options) -> config` for inference-time choices such as `{"sampler": "ddim"}`.
    """

    name: str
    paper: str
    presets: Mapping[str, Preset]
    build: Callable[[Any, Features], Any]
    with_sampling: Callable[[Any, Mapping[str, str]], Any] | None = None

    def preset(self, name: str) -> Preset:
        """The preset of that name.

        Raises:
            UnknownNameError: with the known ones.
        """
        if name not in self.presets:
            raise UnknownNameError(f"{self.name} has no preset {name!r}; it has {', '.join(self.presets)}.")
        return self.presets[name]


@dataclass(frozen=True)
class FloorPolicy:
    """A policy without training, that any learned one must beat."""

    name: str
    paper: str
    make: Callable[[TaskSpec], Policy]


def config_from_json(config_type: type[Any], values: Mapping[str, Any]) -> Any:
    """A frozen dataclass from its JSON form (lists become tuples).

    Raises:
        ConfigError: for fields that the dataclass does not have.
    """
    known = {field.name for field in dataclasses.fields(config_type)}
    if unknown := sorted(set(values) - known):
        raise ConfigError(
            f"{config_type.__name__} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}."
        )
    return config_type(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
