"""Flow matching: a velocity field from noise to actions, followed in a few steps.

Sources: Lipman et al. 2023 (arXiv 2210.02747), Sec. 4.1 with optimal-transport paths; Liu et al. 2023, rectified flow
(arXiv 2209.03003), Eq. 1. x_t = (1 - t) noise + t actions, the network predicts actions - noise, t is uniform. The
backbones are Diffusion Policy's (Chi et al. 2023), with its training, so that only the objective differs; their step
input is 100 t, the range of the diffusion steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from dpbench.baseline import (
    Baseline,
    Batch,
    ChunkConfig,
    Features,
    NoiseStreams,
    Preset,
    SamplingChoice,
    TrainingConfig,
    option,
    read_options,
    small_training,
)
from dpbench.fields import Layers, Share
from dpbench.nets.decay import all_but_matrices
from dpbench.nets.gpt import check_heads
from dpbench.nets.observations import ObservationEncoder
from dpbench.nets.transformer import ConditionalTransformer
from dpbench.nets.unet import Channels, ConditionalUnet1D, Frequencies, Kernel, check_horizon

Solver = Literal["euler", "heun"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)
TIME_SCALE = 100.0
MAX_STEPS = 100


@dataclass(frozen=True)
class FlowMatchingConfig(ChunkConfig):
    """Defaults are the sizes of Diffusion Policy's networks.

    Attributes:
        backbone: `cnn` (U-Net) or `transformer`.
        sampler: `euler`, or `heun` with two network calls a step.
        n_inference_steps: 1 to 100.
        down_dims: channels a level of the U-Net.
        dim_step: size of the U-Net's time embedding.
        kernel_size: of the U-Net's convolutions, odd.
        n_layers: of the transformer.
        n_heads: of the transformer, a divisor of `dim`.
        dim: of the transformer's tokens.
        dropout: of the transformer.
    """

    backbone: Literal["cnn", "transformer"] = "cnn"
    sampler: Solver = "euler"
    n_inference_steps: Annotated[int, Ge(1), Le(MAX_STEPS)] = 10
    down_dims: Channels = (256, 512, 1024)
    dim_step: Frequencies = 256
    kernel_size: Kernel = 5
    n_layers: Layers = 8
    n_heads: Layers = 4
    dim: Frequencies = 256
    dropout: Share = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backbone == "cnn":
            check_horizon(self.horizon, self.down_dims, self.kernel_size)
        check_heads(self.dim, self.n_heads)


class FlowMatching(nn.Module):
    """The velocity network with its loss and its solver."""

    def __init__(self, config: FlowMatchingConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._shape = (config.horizon, features.dim_action)
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.network = _network(config, self.encoder.dim, features.dim_action)

    def no_decay(self) -> frozenset[str]:
        """Of the transformer biases, norms, positions and the cameras' encoders; the U-Net is decayed as a whole."""
        return all_but_matrices(self) if isinstance(self.network, ConditionalTransformer) else frozenset()

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error of the velocity (Lipman et al. 2023, Eq. 23 with sigma_min = 0)."""
        actions = batch.actions
        noise = torch.randn(actions.shape, generator=generator, device=actions.device)
        time = torch.rand((len(actions), 1, 1), generator=generator, device=actions.device)
        condition = self.encoder(batch.observations)
        velocity = self.network((1 - time) * noise + time * actions, TIME_SCALE * time.flatten(), condition)
        return nn.functional.mse_loss(velocity.float(), actions - noise)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """Follow the velocity from noise at time 0 to `(B, Tp, Da)` actions at time 1."""
        condition = self.encoder(observations)  # (B, To, Do)
        x = torch.from_numpy(noise.normal(*self._shape)).to(condition)
        width = 1 / self._config.n_inference_steps

        def velocity(x: Tensor, time: float) -> Tensor:
            steps = torch.full((len(x),), TIME_SCALE * time, device=x.device)
            predicted: Tensor = self.network(x, steps, condition)
            return predicted

        for step in range(self._config.n_inference_steps):
            slope = velocity(x, step * width)
            if self._config.sampler == "heun":
                slope = (slope + velocity(x + width * slope, (step + 1) * width)) / 2
            x = x + width * slope
        return x


def _network(config: FlowMatchingConfig, dim_condition: int, dim_action: int) -> nn.Module:
    if config.backbone == "cnn":
        return ConditionalUnet1D(
            dim_action, config.n_obs_steps * dim_condition, config.down_dims, config.dim_step, config.kernel_size
        )
    return ConditionalTransformer(
        dim_action,
        dim_condition,
        config.n_obs_steps,
        config.horizon,
        config.n_layers,
        config.n_heads,
        config.dim,
        config.dropout,
    )


@dataclass(frozen=True)
class FlowSampling:
    """How a trained velocity field is followed."""

    sampler: Solver = option(f"one of {', '.join(SOLVERS)}")
    steps: int = option(f"1 to {MAX_STEPS}")

    def __str__(self) -> str:
        return f"{self.sampler} {self.steps}"


def sampling_of(config: FlowMatchingConfig) -> FlowSampling:
    """The sampling that a configuration stands for."""
    return FlowSampling(config.sampler, config.n_inference_steps)


def with_sampling(config: FlowMatchingConfig, options: Mapping[str, str]) -> FlowMatchingConfig:
    """Another solver or number of steps, without training again.

    Raises:
        ConfigError: for another option, or a value that does not fit.
    """
    chosen = read_options(sampling_of(config), options)
    return replace(config, sampler=chosen.sampler, n_inference_steps=chosen.steps)


SWEEP = (
    *(FlowSampling("euler", steps) for steps in range(1, 11)),
    *(FlowSampling("heun", steps) for steps in (1, 2, 5)),
)
CNN_TRAINING = TrainingConfig(n_steps=475_000)
TRANSFORMER_TRAINING = TrainingConfig(n_steps=760_000, warmup_steps=1000, betas=(0.9, 0.95), weight_decay=0.1)
SMALL = FlowMatchingConfig(
    down_dims=(64, 128, 256), dim_step=128, n_inference_steps=5, n_layers=4, dim=128, vision_width=16
)
BASELINE = Baseline(
    name="flow-matching",
    paper="Lipman et al. 2023, Flow Matching for Generative Modeling, arXiv 2210.02747",
    presets={
        "paper": Preset(FlowMatchingConfig(), CNN_TRAINING),
        "paper-transformer": Preset(FlowMatchingConfig(backbone="transformer"), TRANSFORMER_TRAINING),
        "small": Preset(SMALL, small_training(CNN_TRAINING)),
        "small-transformer": Preset(replace(SMALL, backbone="transformer"), small_training(TRANSFORMER_TRAINING)),
    },
    build=FlowMatching,
    sampling=SamplingChoice(sampling_of, with_sampling, SWEEP),
)
