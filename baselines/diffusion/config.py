"""The configurations of Diffusion Policy: what both networks share, and the size of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from annotated_types import Ge, Le

from dpbench.baseline import ChunkConfig, SamplingChoice, option, read_options
from dpbench.errors import ConfigError
from dpbench.fields import Count, Layers, Share
from dpbench.nets.gpt import check_heads
from dpbench.nets.unet import Channels, Frequencies, Kernel, check_horizon

from .samplers import SAMPLERS, SamplerName, inference_steps
from .schedule import Prediction


@dataclass(frozen=True)
class DiffusionConfig(ChunkConfig):
    """What both networks share; defaults are those of every published configuration.

    Attributes:
        num_train_timesteps: diffusion steps in training (T).
        prediction: what the network is trained to predict: `epsilon`, `sample` or `v`.
        sampler: `ddpm`, `ddim` or `dpm-solver++`.
        n_inference_steps: denoising steps at inference, 1 to T.
        eta: noise of the DDIM sampler, 0 (deterministic) to 1; the others ignore it.
    """

    num_train_timesteps: Annotated[int, Ge(1), Le(100_000)] = 100
    prediction: Prediction = "epsilon"
    sampler: SamplerName = "ddpm"
    n_inference_steps: Count = 100
    eta: Annotated[float, Ge(0), Le(1)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        inference_steps(self.num_train_timesteps, self.n_inference_steps)


@dataclass(frozen=True)
class DiffusionCnnConfig(DiffusionConfig):
    """Defaults are those of the paper for Push-T from keypoints (Tab. 7).

    Attributes:
        down_dims: channels a level of the U-Net; `horizon` is a multiple of 2^(levels - 1).
        dim_step: size of the diffusion-step embedding.
        kernel_size: of the convolutions, odd.
    """

    down_dims: Channels = (256, 512, 1024)
    dim_step: Frequencies = 256
    kernel_size: Kernel = 5

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

    n_layers: Layers = 8
    n_heads: Layers = 4
    dim: Frequencies = 256
    dropout: Share = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.dim, self.n_heads)


@dataclass(frozen=True)
class DiffusionSampling:
    """How a trained network denoises; any number of steps fits any network."""

    sampler: SamplerName = option(f"one of {', '.join(SAMPLERS)}")
    steps: int = option("denoising steps, 1 to T")
    eta: float = option("noise of ddim, 0 (deterministic) to 1")

    def __str__(self) -> str:
        return f"{self.sampler} {self.steps}" + (f" eta {self.eta:g}" if self.eta else "")


AnyConfig = TypeVar("AnyConfig", bound=DiffusionConfig)


def sampling_of(config: DiffusionConfig) -> DiffusionSampling:
    """The sampling that a configuration stands for."""
    return DiffusionSampling(config.sampler, config.n_inference_steps, config.eta)


def with_sampling(config: AnyConfig, options: Mapping[str, str]) -> AnyConfig:
    """Another sampler, number of steps or eta, without training again.

    Raises:
        ConfigError: for another option, or a value that does not fit.
    """
    chosen = read_options(sampling_of(config), options)
    if chosen.eta > 0 and chosen.sampler != "ddim":
        raise ConfigError(f"eta = {chosen.eta} belongs to the sampler ddim, not to {chosen.sampler}.")
    return replace(config, sampler=chosen.sampler, n_inference_steps=chosen.steps, eta=chosen.eta)


SWEEP = (
    *(DiffusionSampling("ddpm", steps, 0.0) for steps in (100, 50, 25, 10)),
    *(DiffusionSampling("ddim", steps, 0.0) for steps in (100, 50, 25, 16, 10, 8, 5, 4, 2, 1)),
    *(DiffusionSampling("dpm-solver++", steps, 0.0) for steps in (20, 10, 5, 4, 2)),
)
CNN_SAMPLING = SamplingChoice[DiffusionCnnConfig, DiffusionSampling](sampling_of, with_sampling, SWEEP)
TRANSFORMER_SAMPLING = SamplingChoice[DiffusionTransformerConfig, DiffusionSampling](sampling_of, with_sampling, SWEEP)
