"""What a method writes: a configuration, a network with `loss` and `sample`, and presets. The harness owns the rest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dpbench.errors import ConfigError, DataError, UnknownNameError
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
        observations: flat key -> `(B, To, ...)` float32; `(B, Tp, ...)` for a method that sees whole windows.
        actions: `(B, Tp, Da)` float32 in [-1, 1].

    Raises:
        DataError: for NaN or infinite values. (On a CPU only: elsewhere the look would hold up every training
            step, and a store is looked through when it is read.)
    """

    observations: Mapping[str, Tensor]
    actions: Tensor

    def __post_init__(self) -> None:
        for key, value in (*self.observations.items(), ("action", self.actions)):
            # A sum is finite only when every term is.
            if value.device.type == "cpu" and not math.isfinite(value.sum().item()):
                raise DataError(f"{key!r} holds NaN or infinite values; look through the demonstrations.")


class Config(Protocol):
    """A frozen dataclass, JSON-able, whose defaults are the paper's table."""

    @property
    def window(self) -> Horizon:
        """Observed, predicted and executed steps."""
        ...


@dataclass(frozen=True)
class ChunkConfig:
    """What the configurations of the shipped methods share; defaults are Diffusion Policy's.

    Attributes:
        n_obs_steps: observed steps (To).
        horizon: predicted steps (Tp).
        n_action_steps: executed steps (Ta).
        vision_width: channels of the first stage of the cameras' ResNet-18 (64 in the papers).
    """

    n_obs_steps: int = 2
    horizon: int = 16
    n_action_steps: int = 8
    vision_width: int = 64

    def __post_init__(self) -> None:
        _ = self.window
        if self.vision_width < 16 or self.vision_width % 16:
            raise ConfigError(f"vision_width = {self.vision_width} must be a multiple of 16 (group norm).")

    @property
    def window(self) -> Horizon:
        """Observed, predicted and executed steps."""
        return Horizon(self.n_obs_steps, self.horizon, self.n_action_steps)


class Method(Protocol):
    """A torch module with these two functions, in normalised units; randomness as seeded by the harness."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Scalar training loss; all randomness from `generator`."""
        ...

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` observations -> `(B, Tp, Da)` actions; all randomness from `noise`, one stream a row."""
        ...


@runtime_checkable
class Recurrent(Protocol):
    """A Method with a memory that lasts over an episode; the harness keeps it, one row an episode."""

    def initial_memory(self, n_rows: int) -> Tensor:
        """Memory at the start of an episode, `(B, ...)`."""
        ...

    def sample_with_memory(
        self, observations: Mapping[str, Tensor], noise: NoiseStreams, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As `sample`, and the memory after it."""
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
    """A Method that looks at the data before its first gradient step (bins, code books, or all there is to it)."""

    def fit(self, data: TrainingSet, generator: torch.Generator) -> None:
        """Set buffers or frozen parameters; what it finds must live in the module's state."""
        ...


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation of one preset (AdamW, cosine with linear warm-up, EMA).

    Attributes:
        n_steps: gradient steps; 0 for a method that only looks at the data (Fitted).
        batch_size: windows a step.
        learning_rate: peak.
        betas: of AdamW.
        weight_decay: of AdamW.
        decay_only_linear: decay the weights of linear and attention layers only, as transformers are trained.
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
    decay_only_linear: bool = False
    warmup_steps: int = 500
    ema_power: float | None = 0.75
    max_gradient_norm: float | None = None
    val_ratio: float = 0.02

    def __post_init__(self) -> None:
        if self.n_steps < 0 or self.batch_size < 1:
            raise ConfigError(
                f"n_steps = {self.n_steps} must be at least 0 and batch_size = {self.batch_size} at least 1."
            )
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate = {self.learning_rate} must be above 0.")


def small_training(paper: TrainingConfig) -> TrainingConfig:
    """The training of a `small` preset: the paper's, with one budget and one learning rate for every method.

    No method's small preset was searched for: 10,000 steps of 128 windows, learning rate 3e-4, 500 warm-up steps.
    """
    return dataclasses.replace(paper, n_steps=10_000, batch_size=128, learning_rate=3e-4, warmup_steps=500)


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
        whole_windows: train on the observations of all Tp steps instead of the first To (recurrent methods).
        sweep: sampling options that `dpbench latency` goes through; empty for a method with one way to sample.
    """

    name: str
    paper: str
    presets: Mapping[str, Preset]
    build: Callable[[Any, Features], Any]
    with_sampling: Callable[[Any, Mapping[str, str]], Any] | None = None
    whole_windows: bool = False
    sweep: tuple[Mapping[str, str], ...] = ()

    def preset(self, name: str) -> Preset:
        """The preset of that name.

        Raises:
            UnknownNameError: with the known ones.
        """
        if name not in self.presets:
            raise UnknownNameError(f"{self.name} has no preset {name!r}; it has {', '.join(self.presets)}.")
        return self.presets[name]


@dataclass(frozen=True)
class ScriptedPolicy:
    """A policy without training: a floor that learned ones must beat, or a demonstrator.

    Attributes:
        name: registry name.
        paper: where it comes from.
        make: `task -> Policy`; raises ConfigError for a task that it cannot act in.
        fits: whether it can act in a task; the comparison leaves it out elsewhere.
    """

    name: str
    paper: str
    make: Callable[[TaskSpec], Policy]
    fits: Callable[[TaskSpec], bool] = lambda _: True


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
