"""What a baseline declares: a method with its presets, network and training, or a scripted policy."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar

from annotated_types import Ge, Gt, Le, MultipleOf

from dpbench.errors import ConfigError, UnknownNameError, shown
from dpbench.fields import AnyDataclass, Count, Positive, Share, Steps, check_fields, from_json
from dpbench.nets.features import Features
from dpbench.policies.protocol import Policy
from dpbench.policies.sampling import SamplingChoice
from dpbench.registry import registry
from dpbench.spec import Horizon, TaskSpec

if TYPE_CHECKING:
    from torch import nn


class MethodConfig(AnyDataclass, Protocol):
    """Configuration of a method: a frozen dataclass with its observed, predicted and executed steps."""

    @property
    def window(self) -> Horizon:
        """Observed, predicted and executed steps."""
        ...


ConfigT = TypeVar("ConfigT", bound=MethodConfig)


@dataclass(frozen=True)
class ChunkConfig:
    """What the configurations of the shipped methods share; defaults are Diffusion Policy's.

    A subclass declares the bounds of its own fields in their types (`dpbench.fields`); they are checked here. Where it
    adds rules between fields, its `__post_init__` calls this one first.

    Attributes:
        n_obs_steps: observed steps (To).
        horizon: predicted steps (Tp).
        n_action_steps: executed steps (Ta).
        vision_width: channels of the first stage of the cameras' ResNet-18 (64 in the papers).
    """

    n_obs_steps: Steps = 2
    horizon: Steps = 16
    n_action_steps: Steps = 8
    vision_width: Annotated[int, Ge(16), Le(1024), MultipleOf(16)] = 64  # group norm

    def __post_init__(self) -> None:
        check_fields(self)
        _ = self.window

    @property
    def window(self) -> Horizon:
        """Observed, predicted and executed steps."""
        return Horizon(self.n_obs_steps, self.horizon, self.n_action_steps)


GradientSteps = Annotated[int, Ge(0), Le(1_000_000_000)]


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation of one preset (AdamW, cosine with linear warm-up, EMA).

    Attributes:
        n_steps: gradient steps; 0 for a method that is only fitted (`Fitted`).
        batch_size: windows of a step.
        learning_rate: peak.
        betas: of AdamW.
        weight_decay: of AdamW; a method may leave parameters out (`PartlyDecayed`).
        warmup_steps: linear warm-up.
        ema_power: decay = 1 - (1 + step)^-power, at most 0.9999; None trains without EMA.
        max_gradient_norm: gradients are clipped to it; None for no clipping.
        val_ratio: share of episodes kept for validation.
    """

    n_steps: GradientSteps
    batch_size: Count = 256
    learning_rate: Annotated[float, Gt(0), Le(1e30)] = 1e-4
    betas: tuple[Share, Share] = (0.95, 0.999)
    weight_decay: Annotated[float, Ge(0), Le(10)] = 1e-6
    warmup_steps: GradientSteps = 500
    ema_power: Annotated[float, Gt(0), Le(1)] | None = 0.75
    max_gradient_norm: Positive | None = None
    val_ratio: Share = 0.02

    def __post_init__(self) -> None:
        check_fields(self)


def small_training(paper: TrainingConfig) -> TrainingConfig:
    """The training of a `small` preset: the paper's, with one budget and one learning rate for every method.

    10,000 steps of 128 windows, learning rate 3e-4, 500 warm-up steps; not tuned for any method.
    """
    return dataclasses.replace(paper, n_steps=10_000, batch_size=128, learning_rate=3e-4, warmup_steps=500)


@dataclass(frozen=True)
class Preset(Generic[ConfigT]):
    """A named size of a method: `paper` (exact hyper-parameters) or `small` (two CPU cores)."""

    config: ConfigT
    training: TrainingConfig


@dataclass(frozen=True)
class Baseline(Generic[ConfigT]):
    """A learned method.

    Attributes:
        name: registry name.
        paper: citation.
        presets: name -> configuration and training; all configurations have one type.
        build: `(config, features) -> module`, a torch module that is a Method.
        sampling: what can be chosen at inference time; None for a method with one way to sample.
        sequence_observations: train on the observations of all Tp steps instead of the first To (recurrent methods).
        masks_padding: batches say which actions are real (`Batch.real`), so that the loss can leave the others out. It
            is kept in run and checkpoint: a run that was begun without it is not continued with it.
        packages: distributions whose versions decide the results, beside the harness's own; kept in every record.
        renamed: former name -> name of configuration fields, so that older checkpoints and records can be read.
    """

    name: str
    paper: str
    presets: Mapping[str, Preset[ConfigT]]
    build: Callable[[ConfigT, Features], nn.Module]
    sampling: SamplingChoice[ConfigT, Any] | None = None
    sequence_observations: bool = False
    masks_padding: bool = False
    packages: tuple[str, ...] = ("torch",)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def preset(self, name: str) -> Preset[ConfigT]:
        """The preset of that name.

        Raises:
            UnknownNameError: with the known ones.
        """
        if name not in self.presets:
            raise UnknownNameError(f"{self.name} has no preset {shown(name)}; it has {', '.join(self.presets)}.")
        return self.presets[name]

    def config(self, values: Mapping[str, Any]) -> ConfigT:
        """A configuration from its JSON form, such as a checkpoint's.

        Raises:
            ConfigError: for fields that the method does not have, or values that do not fit.
        """
        config_type = type(next(iter(self.presets.values())).config)
        return from_json(config_type, {self.renamed.get(key, key): value for key, value in values.items()})

    def with_options(self, config: ConfigT, options: Mapping[str, str]) -> ConfigT:
        """The configuration with another sampling, such as `{"temperature": "1"}`.

        Raises:
            ConfigError: for options or values that the method does not have.
        """
        if not options:
            return config
        if self.sampling is None:
            raise ConfigError(f"{self.name} has no sampling options, got {dict(options)}.")
        return self.sampling.with_options(config, options)


class Role(enum.Enum):
    """What a scripted policy is compared for."""

    REFERENCE = enum.auto()
    """A trivial policy; a learned one should do better."""
    DEMONSTRATOR = enum.auto()
    """The script that demonstrates the task; mode histograms of other policies are compared with its own."""


@dataclass(frozen=True)
class ScriptedPolicy:
    """A policy without training.

    Attributes:
        name: registry name.
        paper: where it comes from.
        make: `task -> Policy`; raises ConfigError for a task that it cannot act in.
        fits: whether it can act in a task; a comparison leaves it out elsewhere.
        role: what it is compared for.
        packages: distributions whose versions decide the results, beside the harness's own; kept in every record.
    """

    name: str
    paper: str
    make: Callable[[TaskSpec], Policy]
    fits: Callable[[TaskSpec], bool] = lambda _: True
    role: Role = Role.REFERENCE
    packages: tuple[str, ...] = ()


def role_of(name: str) -> Role | None:
    """Role of the scripted policy of that name; None for a method, and for a name that is not installed."""
    known = registry("baseline")
    loaded = known.load(name) if name in known else None
    return loaded.role if isinstance(loaded, ScriptedPolicy) else None


def sampling_text(name: str, config: Mapping[str, Any]) -> str:
    """How a policy samples, from its registry name and its configuration as JSON; empty for one without a choice."""
    known = registry("baseline")
    baseline = known.load(name) if name in known else None
    if not isinstance(baseline, Baseline) or baseline.sampling is None:
        return ""
    return str(baseline.sampling.of(baseline.config(config)))
