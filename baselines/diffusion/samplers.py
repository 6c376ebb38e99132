"""Samplers as functions: noise in, clean sample out; a schedule is an argument and nothing is remembered.

| name in code | symbol |
|---|---|
| x | x_t |
| epsilon | predicted noise |
| alpha_bar, alpha_bar_previous | cumulative signal at t and at the step before |
| clean | x_0 predicted from x_t and epsilon, clamped to [-1, 1] as in all Diffusion Policy configurations |

Sources: DDPM, Ho et al. 2020 (arXiv 2006.11239), Eq. 7 with the small fixed variance; DDIM, Song et al. 2020
(arXiv 2010.02502), Eq. 12 and 16. Inference steps are spaced evenly from 0 ("leading" spacing).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpbench.errors import ConfigError

from .schedule import Schedule

Denoise = Callable[[Tensor, int], Tensor]
"""`(x (B, Tp, Da), diffusion step) -> predicted noise (B, Tp, Da)`."""

Noise = Callable[[], Tensor]
"""Fresh standard normal noise of the sample's shape, `(B, Tp, Da)`."""


def inference_steps(n_train_steps: int, n_steps: int) -> NDArray[np.int64]:
    """The diffusion steps visited, from noisy to clean: `n_steps` multiples of `n_train_steps // n_steps`.

    Raises:
        ConfigError: unless 1 <= n_steps <= n_train_steps.
    """
    if not 1 <= n_steps <= n_train_steps:
        raise ConfigError(
            f"{n_steps} inference steps: expected 1 to {n_train_steps}, the number of steps of the training schedule."
        )
    return (np.arange(n_steps) * (n_train_steps // n_steps))[::-1].astype(np.int64)


def sample_ddpm(denoise: Denoise, x: Tensor, schedule: Schedule, noise: Noise, n_steps: int) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, Algorithm 2); with fewer steps than in training the betas are rebuilt.

    Args:
        denoise: the network.
        x: standard normal noise, `(B, Tp, Da)`.
        schedule: the training schedule.
        noise: called once a step except the last.
        n_steps: inference steps, 1 to T.

    Returns:
        The sample, `(B, Tp, Da)`, in [-1, 1] up to the network's error.
    """
    stride = schedule.n_train_steps // n_steps
    for step in inference_steps(schedule.n_train_steps, n_steps):
        alpha_bar, alpha_bar_previous = _signal(schedule, step), _signal(schedule, step - stride)
        alpha = alpha_bar / alpha_bar_previous
        clean = _clean(x, denoise(x, int(step)), alpha_bar)
        mean = (alpha_bar_previous**0.5 * (1 - alpha) * clean + alpha**0.5 * (1 - alpha_bar_previous) * x) / (
            1 - alpha_bar
        )
        if step == 0:
            x = mean  # the last step adds no noise
            continue
        variance = max((1 - alpha_bar_previous) / (1 - alpha_bar) * (1 - alpha), 1e-20)
        x = mean + variance**0.5 * noise()
    return x


def sample_ddim(
    denoise: Denoise, x: Tensor, schedule: Schedule, noise: Noise, n_steps: int, eta: float = 0.0
) -> Tensor:
    """Implicit sampling (Song et al. 2020, Eq. 12); deterministic for `eta` = 0, the last step ends at x_0.

    Args:
        denoise: the network.
        x: standard normal noise, `(B, Tp, Da)`.
        schedule: the training schedule.
        noise: called once a step when `eta` > 0.
        n_steps: inference steps, 1 to T.
        eta: share of the DDPM variance (Eq. 16), 0 to 1.

    Returns:
        The sample, `(B, Tp, Da)`.

    Raises:
        ConfigError: for `eta` outside [0, 1].
    """
    if not 0.0 <= eta <= 1.0:
        raise ConfigError(f"eta = {eta}: expected 0 (deterministic) to 1 (DDPM variance).")
    stride = schedule.n_train_steps // n_steps
    for step in inference_steps(schedule.n_train_steps, n_steps):
        alpha_bar, alpha_bar_previous = _signal(schedule, step), _signal(schedule, step - stride)
        epsilon = denoise(x, int(step))
        clean = _clean(x, epsilon, alpha_bar)
        variance = eta**2 * (1 - alpha_bar_previous) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_previous)
        # The predicted noise is kept as it was, not made to fit the clamped x_0: so does the published code.
        x = alpha_bar_previous**0.5 * clean + (1 - alpha_bar_previous - variance) ** 0.5 * epsilon
        if eta > 0:
            x = x + variance**0.5 * noise()
    return x


Sampler = Callable[[Denoise, Tensor, Schedule, Noise, int], Tensor]
SAMPLERS: Mapping[str, Sampler] = {"ddpm": sample_ddpm, "ddim": sample_ddim}


def add_noise(clean: Tensor, noise: Tensor, steps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """The forward process q(x_t | x_0) (Ho et al. 2020, Eq. 4).

    Args:
        clean: `(B, Tp, Da)`.
        noise: `(B, Tp, Da)`.
        steps: diffusion step of each sample, `(B,)`.
        alphas_cumprod: `(T,)`.
    """
    alpha_bar = alphas_cumprod[steps].view(-1, 1, 1)
    return alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise


def _signal(schedule: Schedule, step: int | np.int64) -> float:
    return float(schedule.alphas_cumprod[step]) if step >= 0 else 1.0


def _clean(x: Tensor, epsilon: Tensor, alpha_bar: float) -> Tensor:
    return torch.clamp((x - (1 - alpha_bar) ** 0.5 * epsilon) / alpha_bar**0.5, -1.0, 1.0)
