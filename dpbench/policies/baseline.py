"""What a baseline declares: its presets, how it is built, and how it is trained."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dpbench.errors import ConfigError, UnknownNameError
from dpbench.nets.features import Features
from dpbench.policies.protocol import Policy
from dpbench.registry import registry
from dpbench.spec import Horizon, TaskSpec


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
        packages: distributions whose versions decide the results, beside the harness's own; kept in every record.
    """

    name: str
    paper: str
    presets: Mapping[str, Preset]
    build: Callable[[Any, Features], Any]
    with_sampling: Callable[[Any, Mapping[str, str]], Any] | None = None
    whole_windows: bool = False
    sweep: tuple[Mapping[str, str], ...] = ()
    packages: tuple[str, ...] = ("torch",)

    def preset(self, name: str) -> Preset:
        """The preset of that name.

        Raises:
            UnknownNameError: with the known ones.
        """
        if name not in self.presets:
            raise UnknownNameError(f"{self.name} has no preset {name!r}; it has {', '.join(self.presets)}.")
        return self.presets[name]


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
        fits: whether it can act in a task; the comparison leaves it out elsewhere.
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
    loaded = known.load(name) if name in known.entries else None
    return loaded.role if isinstance(loaded, ScriptedPolicy) else None


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
