"""The configurations of Diffusion Policy: what both networks share, and the size of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from dpbench.baseline import ChunkConfig
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.nets.gpt import check_heads
from dpbench.nets.unet import check_horizon

from .samplers import SAMPLERS, check_eta, inference_steps
from .schedule import PREDICTIONS


@dataclass(frozen=True)
class DiffusionConfig(ChunkConfig):
    """What both networks share; defaults are those of every published configuration.

    Attributes:
        n_train_steps: diffusion steps in training (T).
        prediction: what the network is trained to predict: `epsilon`, `sample` or `v`.
        sampler: `ddpm`, `ddim` or `dpm-solver++`.
        n_inference_steps: denoising steps at inference, 1 to T.
        eta: noise of the DDIM sampler, 0 (deterministic) to 1; no matter to the others.
    """

    n_train_steps: int = 100
    prediction: str = "epsilon"
    sampler: str = "ddpm"
    n_inference_steps: int = 100
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for value, kind, known in (
            (self.sampler, "sampler", tuple(SAMPLERS)),
            (self.prediction, "prediction", PREDICTIONS),
        ):
            if value not in known:
                raise UnknownNameError(f"unknown {kind} {value!r}; known are {', '.join(known)}.")
        inference_steps(self.n_train_steps, self.n_inference_steps)
        check_eta(self.eta)


@dataclass(frozen=True)
class DiffusionCnnConfig(DiffusionConfig):
    """Defaults are those of the paper for Push-T from keypoints (Tab. 7).

    Attributes:
        down_dims: channels a level of the U-Net; `horizon` is a multiple of 2^(levels - 1).
        dim_step: size of the diffusion-step embedding.
        kernel_size: of the convolutions, odd.
    """

    down_dims: tuple[int, ...] = (256, 512, 1024)
    dim_step: int = 256
    kernel_size: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_horizon(self.horizon, self.down_dims, self.kernel_size)


@dataclass(frozen=True)
class DiffusionTransformerConfig(DiffusionConfig):
    """Defaults are those of the paper for Push-T from keypoints (Tab. 8).

    Attributes:
        n_layers: decoder layers.
        n_heads: attention heads, a divisor of `dim`.
        dim: size of a token.
        dropout: of attention and feed-forward layers.
    """

    n_layers: int = 8
    n_heads: int = 4
    dim: int = 256
    dropout: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.dim, self.n_heads)


AnyConfig = TypeVar("AnyConfig", bound=DiffusionConfig)


def with_sampling(config: AnyConfig, options: Mapping[str, str]) -> AnyConfig:
    """Another sampler, number of steps or eta, without training again: options `sampler`, `steps` and `eta`.

    Raises:
        ConfigError: for another option, or a value that is no number.
    """
    if unknown := sorted(set(options) - {"sampler", "steps", "eta"}):
        raise ConfigError(f"unknown sampling option {', '.join(unknown)}; known are sampler, steps and eta.")
    steps = options.get("steps", str(config.n_inference_steps))
    if not steps.removeprefix("-").isdecimal():
        raise ConfigError(f"steps = {steps!r}: expected a whole number from 1 to {config.n_train_steps}.")
    try:
        eta = float(options.get("eta", config.eta))
    except ValueError as error:
        raise ConfigError(f"eta = {options['eta']!r}: expected a number from 0 to 1.") from error
    sampler = options.get("sampler", config.sampler)
    if eta > 0 and sampler != "ddim":
        raise ConfigError(f"eta = {eta} belongs to the sampler ddim, not to {sampler}.")
    return replace(config, sampler=sampler, n_inference_steps=int(steps), eta=eta)
