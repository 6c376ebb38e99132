"""The noise schedule as arrays, the forward process, and what a network may predict.

Sources: the forward process, Ho et al. 2020 (arXiv 2006.11239), Eq. 4; predictions of epsilon, sample and v, Salimans &
Ho 2022 (arXiv 2202.00512), Sec. 4 and App. D; squared-cosine schedule, Nichol & Dhariwal 2021 (arXiv 2102.09672),
Eq. 17, with the limit of 0.999 on beta; T = 100 training steps in every Diffusion Policy configuration (Chi et al.
2023, App. A).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dpbench.errors import ConfigError


@dataclass(frozen=True)
class Schedule:
    """Cumulative signal levels of a diffusion process.

    Attributes:
        alphas_cumprod: product of (1 - beta) up to each step, `(T,)` float64, falling from 1 towards 0.
    """

    alphas_cumprod: NDArray[np.float64]

    @property
    def num_train_timesteps(self) -> int:
        """Number of diffusion steps in training (T)."""
        return len(self.alphas_cumprod)


def squared_cosine(num_train_timesteps: int, max_beta: float = 0.999) -> Schedule:
    """The squared-cosine schedule ("squaredcos_cap_v2").

    Raises:
        ConfigError: for fewer than one step.
    """
    if num_train_timesteps < 1:
        raise ConfigError(f"num_train_timesteps = {num_train_timesteps}: a schedule needs at least 1 step.")

    def signal(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [
        min(1 - signal((step + 1) / num_train_timesteps) / signal(step / num_train_timesteps), max_beta)
        for step in range(num_train_timesteps)
    ]
    return Schedule(np.cumprod(1.0 - np.asarray(betas), dtype=np.float64))


def add_noise(clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """The forward process q(x_t | x_0).

    Args:
        clean: `(B, Tp, Da)`.
        noise: `(B, Tp, Da)`.
        alpha_bar: cumulative signal at each sample's step, `(B, 1, 1)`.
    """
    return alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise


@dataclass(frozen=True)
class Predicted:
    """What a network's output says of x_t = sqrt(alpha_bar) clean + sqrt(1 - alpha_bar) epsilon.

    Attributes:
        clean: x_0, clamped to [-1, 1] as in all Diffusion Policy configurations, `(B, Tp, Da)`.
        epsilon: the noise, `(B, Tp, Da)`; not recomputed from the clamped x_0, as in the published code.
    """

    clean: Tensor
    epsilon: Tensor


Prediction = Literal["epsilon", "sample", "v"]


def training_target(prediction: Prediction, clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """What the network is trained to predict, `(B, Tp, Da)`."""
    if prediction == "epsilon":
        return noise
    if prediction == "sample":
        return clean
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * clean  # v


def predicted(prediction: Prediction, output: Tensor, x: Tensor, alpha_bar: float) -> Predicted:
    """Read a network's output, the inverse of `training_target`."""
    signal, noise = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    if prediction == "epsilon":
        clean, epsilon = (x - noise * output) / signal, output
    elif prediction == "sample":
        clean, epsilon = output, (x - signal * output) / noise
    else:  # v
        clean, epsilon = signal * x - noise * output, signal * output + noise * x
    return Predicted(clean.clamp(-1.0, 1.0), epsilon)
