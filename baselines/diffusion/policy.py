"""Diffusion Policy: predict the noise of an action sequence, conditioned on observations.

Source: Chi et al. 2023 (arXiv 2303.04137), Sec. 2-3, Tab. 7 (CNN) and Tab. 8 (transformer); constants of the published
Push-T configurations (`train_diffusion_unet_lowdim`, `train_diffusion_transformer_lowdim_pusht`,
`train_diffusion_unet_hybrid`): 100 DDPM steps, squared-cosine schedule, epsilon prediction, MSE over the whole
horizon, x_0 clamped to [-1, 1], AdamW 1e-4 with warm-up, EMA power 0.75.

Differences of the `small` presets: narrower networks, learning rate 3e-4, 10 DDIM steps at inference; sized for two
CPU cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from dpbench.baseline import Baseline, Batch, Features, NoiseStreams, Preset, TrainingConfig, small_training
from dpbench.nets.decay import all_but_matrices
from dpbench.nets.observations import ObservationEncoder
from dpbench.nets.transformer import ConditionalTransformer
from dpbench.nets.unet import ConditionalUnet1D

from .config import (
    CNN_SAMPLING,
    TRANSFORMER_SAMPLING,
    DiffusionCnnConfig,
    DiffusionConfig,
    DiffusionTransformerConfig,
)
from .samplers import SAMPLERS
from .schedule import Predicted, add_noise, predicted, squared_cosine, training_target

PAPER = "Chi et al. 2023, Diffusion Policy, arXiv 2303.04137"


class Diffusion(nn.Module):
    """The noise network with its loss and its sampler.

    Args:
        config: of either network.
        encoder: of the observations.
        network: `(noisy actions, steps, encoded observations) -> (B, Tp, Da)`.
        dim_action: action dimensions (Da).
    """

    alphas_cumprod: Tensor

    def __init__(
        self, config: DiffusionConfig, encoder: ObservationEncoder, network: nn.Module, dim_action: int
    ) -> None:
        super().__init__()
        self._config = config
        self._shape = (config.horizon, dim_action)
        self._schedule = squared_cosine(config.num_train_timesteps)
        signal = torch.tensor(self._schedule.alphas_cumprod, dtype=torch.float32)
        self.register_buffer("alphas_cumprod", signal, persistent=False)
        self.encoder = encoder
        self.network = network

    def no_decay(self) -> frozenset[str]:
        """Of the transformer biases, norms, positions and the cameras' encoders; the U-Net is decayed as a whole."""
        return all_but_matrices(self) if isinstance(self.network, ConditionalTransformer) else frozenset()

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error of the prediction over the whole horizon (Chi et al. 2023, Eq. 3 and 5)."""
        actions = batch.actions  # (B, Tp, Da)
        noise = torch.randn(actions.shape, generator=generator, device=actions.device)
        steps = torch.randint(
            self._config.num_train_timesteps, (len(actions),), generator=generator, device=actions.device
        )
        alpha_bar = self.alphas_cumprod[steps].view(-1, 1, 1)
        output = self.network(add_noise(actions, noise, alpha_bar), steps, self.encoder(batch.observations))
        target = training_target(self._config.prediction, actions, noise, alpha_bar)
        return nn.functional.mse_loss(output.float(), target)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """Denoise from Gaussian noise: observations are encoded once, the network runs `n_inference_steps` times."""
        config = self._config
        condition = self.encoder(observations)  # (B, To, Do)

        def draw() -> Tensor:
            return torch.from_numpy(noise.normal(*self._shape)).to(condition.device, condition.dtype)

        def predict(x: Tensor, step: int) -> Predicted:
            output = self.network(x, torch.full((len(x),), step, device=x.device), condition)
            return predicted(config.prediction, output, x, float(self._schedule.alphas_cumprod[step]))

        return SAMPLERS[config.sampler](predict, draw(), self._schedule, draw, config.n_inference_steps, config.eta)


def build_cnn(config: DiffusionCnnConfig, features: Features) -> Diffusion:
    """The policy around the U-Net."""
    encoder = ObservationEncoder(features, config.vision_width)
    network = ConditionalUnet1D(
        features.dim_action, config.n_obs_steps * encoder.dim, config.down_dims, config.dim_step, config.kernel_size
    )
    return Diffusion(config, encoder, network, features.dim_action)


def build_transformer(config: DiffusionTransformerConfig, features: Features) -> Diffusion:
    """The policy around the transformer."""
    encoder = ObservationEncoder(features, config.vision_width)
    network = ConditionalTransformer(
        features.dim_action,
        encoder.dim,
        config.n_obs_steps,
        config.horizon,
        config.n_layers,
        config.n_heads,
        config.dim,
        config.dropout,
    )
    return Diffusion(config, encoder, network, features.dim_action)


FORMER_NAMES = {"n_train_steps": "num_train_timesteps"}

# 5,000 epochs of about 95 batches over the 206 human episodes.
CNN_TRAINING = TrainingConfig(n_steps=475_000)
CNN = Baseline(
    name="diffusion-cnn",
    paper=PAPER,
    presets={
        "paper": Preset(DiffusionCnnConfig(), CNN_TRAINING),
        # 3,050 epochs of about 380 batches.
        "paper-image": Preset(
            DiffusionCnnConfig(down_dims=(512, 1024, 2048), dim_step=128),
            replace(CNN_TRAINING, n_steps=1_160_000, batch_size=64),
        ),
        "small": Preset(
            DiffusionCnnConfig(
                down_dims=(64, 128, 256), dim_step=128, sampler="ddim", n_inference_steps=10, vision_width=16
            ),
            small_training(CNN_TRAINING),
        ),
    },
    build=build_cnn,
    sampling=CNN_SAMPLING,
    renamed=FORMER_NAMES,
)

TRANSFORMER_TRAINING = TrainingConfig(
    n_steps=760_000,  # 8,000 epochs of about 95 batches
    warmup_steps=1000,
    betas=(0.9, 0.95),
    weight_decay=0.1,
)
TRANSFORMER = Baseline(
    name="diffusion-transformer",
    paper=PAPER,
    presets={
        "paper": Preset(DiffusionTransformerConfig(), TRANSFORMER_TRAINING),
        "small": Preset(
            DiffusionTransformerConfig(n_layers=4, dim=128, sampler="ddim", n_inference_steps=10, vision_width=16),
            small_training(TRANSFORMER_TRAINING),
        ),
    },
    build=build_transformer,
    sampling=TRANSFORMER_SAMPLING,
    renamed=FORMER_NAMES,
)
