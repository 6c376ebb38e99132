"""Diffusion Policy with the CNN backbone: predict the noise of an action sequence, conditioned on observations.

Source: Chi et al. 2023 (arXiv 2303.04137), Sec. 2-3 and Tab. 7; constants of the published low-dimensional
configuration (`train_diffusion_unet_lowdim`): 100 DDPM steps, squared-cosine schedule, epsilon prediction, MSE over
the whole horizon, x_0 clamped to [-1, 1], AdamW 1e-4 with 500 warm-up steps, EMA power 0.75.

Differences of the `small` preset: down_dims 64, 128, 256, step embedding 128, learning rate 3e-4, 10 DDIM
steps at inference; sized for two CPU cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from dpbench.baseline import SMALL_BUDGET, Baseline, Batch, Features, Preset, TrainingConfig
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.nets.observations import observation_vector
from dpbench.policy import NoiseStreams
from dpbench.spec import Horizon

from .samplers import SAMPLERS, add_noise, inference_steps
from .schedule import squared_cosine
from .unet import ConditionalUnet1D, check_horizon


@dataclass(frozen=True)
class DiffusionCnnConfig:
    """Defaults are those of the paper for Push-T from keypoints.

    Attributes:
        n_obs_steps: observed steps (To).
        horizon: predicted steps (Tp), a multiple of 2^(levels - 1).
        n_action_steps: executed steps (Ta).
        down_dims: channels a level of the U-Net.
        dim_step: size of the diffusion-step embedding.
        kernel_size: of the convolutions, odd.
        n_train_steps: diffusion steps in training (T).
        sampler: `ddpm` or `ddim`.
        n_inference_steps: denoising steps at inference, 1 to T.
    """

    n_obs_steps: int = 2
    horizon: int = 16
    n_action_steps: int = 8
    down_dims: tuple[int, ...] = (256, 512, 1024)
    dim_step: int = 256
    kernel_size: int = 5
    n_train_steps: int = 100
    sampler: str = "ddpm"
    n_inference_steps: int = 100

    def __post_init__(self) -> None:
        check_horizon(self.window.horizon, self.down_dims)
        if self.kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size = {self.kernel_size} must be odd, so that the horizon keeps its length.")
        if self.sampler not in SAMPLERS:
            raise UnknownNameError(f"unknown sampler {self.sampler!r}; known are {', '.join(SAMPLERS)}.")
        inference_steps(self.n_train_steps, self.n_inference_steps)

    @property
    def window(self) -> Horizon:
        """Observed, predicted and executed steps."""
        return Horizon(self.n_obs_steps, self.horizon, self.n_action_steps)


class DiffusionCnn(nn.Module):
    """The noise network with its loss and its sampler."""

    alphas_cumprod: Tensor

    def __init__(self, config: DiffusionCnnConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._dim_action = features.dim_action
        self._schedule = squared_cosine(config.n_train_steps)
        self.register_buffer(
            "alphas_cumprod", torch.tensor(self._schedule.alphas_cumprod, dtype=torch.float32), persistent=False
        )
        self.network = ConditionalUnet1D(
            features.dim_action,
            config.n_obs_steps * features.dim_vector,
            config.down_dims,
            config.dim_step,
            config.kernel_size,
        )

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error of the predicted noise over the whole horizon (Chi et al. 2023, Eq. 3 and 5)."""
        actions = batch.actions  # (B, Tp, Da)
        noise = torch.randn(actions.shape, generator=generator, device=actions.device)
        steps = torch.randint(self._config.n_train_steps, (len(actions),), generator=generator, device=actions.device)
        noisy = add_noise(actions, noise, steps, self.alphas_cumprod)
        predicted = self.network(noisy, steps, observation_vector(batch.observations))
        return nn.functional.mse_loss(predicted.float(), noise)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """Denoise from Gaussian noise: observations are encoded once, the network runs `n_inference_steps` times."""
        condition = observation_vector(observations)  # (B, To * Do)

        def draw() -> Tensor:
            drawn = torch.from_numpy(noise.normal(self._config.horizon, self._dim_action))
            return drawn.to(condition.device, condition.dtype)

        def denoise(x: Tensor, step: int) -> Tensor:
            epsilon: Tensor = self.network(x, torch.full((len(x),), step, device=x.device), condition)
            return epsilon

        sampler = SAMPLERS[self._config.sampler]
        return sampler(denoise, draw(), self._schedule, draw, self._config.n_inference_steps)


def with_sampling(config: DiffusionCnnConfig, options: Mapping[str, str]) -> DiffusionCnnConfig:
    """Another sampler or number of steps, without training again: options `sampler` and `steps`.

    Raises:
        ConfigError: for another option, or a number of steps that is none.
    """
    if unknown := sorted(set(options) - {"sampler", "steps"}):
        raise ConfigError(f"unknown sampling option {', '.join(unknown)}; known are sampler and steps.")
    steps = options.get("steps", str(config.n_inference_steps))
    if not steps.isdecimal():
        raise ConfigError(f"steps = {steps!r}: expected a whole number from 1 to {config.n_train_steps}.")
    return replace(config, sampler=options.get("sampler", config.sampler), n_inference_steps=int(steps))


CNN = Baseline(
    name="diffusion-cnn",
    paper="Chi et al. 2023, Diffusion Policy, arXiv 2303.04137",
    presets={
        # 5,000 epochs of about 95 batches over the 206 human episodes.
        "paper": Preset(DiffusionCnnConfig(), TrainingConfig(n_steps=475_000)),
        "small": Preset(
            DiffusionCnnConfig(down_dims=(64, 128, 256), dim_step=128, sampler="ddim", n_inference_steps=10),
            TrainingConfig(**SMALL_BUDGET, learning_rate=3e-4),
        ),
    },
    build=DiffusionCnn,
    with_sampling=with_sampling,
)
