"""Samplers as functions without state: noise and a schedule in, a clean sample out.

| name in code | symbol |
|---|---|
| x | x_t |
| alpha_bar, alpha_bar_previous | cumulative signal at t and at the next, cleaner step |
| predicted.clean, predicted.epsilon | x_0 (clamped) and noise, from the network's output |
| log_snr | lambda_t = log(sqrt(alpha_bar) / sqrt(1 - alpha_bar)) |

Sources: DDPM, Ho et al. 2020 (arXiv 2006.11239), Eq. 7 with the small fixed variance; DDIM, Song et al. 2020
(arXiv 2010.02502), Eq. 12 and 16; DPM-Solver++ (2M), Lu et al. 2022 (arXiv 2211.01095), Algorithm 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dpbench.errors import ConfigError

from .schedule import Predicted, Schedule

Predict = Callable[[Tensor, int], Predicted]
"""`(x (B, Tp, Da), diffusion step) -> clean sample and noise`."""

Noise = Callable[[], Tensor]
"""Fresh standard normal noise of the sample's shape, `(B, Tp, Da)`."""


def inference_steps(num_train_timesteps: int, n_steps: int) -> NDArray[np.int64]:
    """The diffusion steps visited, from noisy to clean: `n_steps` multiples of `num_train_timesteps // n_steps`.

    Raises:
        ConfigError: unless 1 <= n_steps <= num_train_timesteps.
    """
    if not 1 <= n_steps <= num_train_timesteps:
        raise ConfigError(
            f"{n_steps} inference steps: expected 1 to {num_train_timesteps}, the steps of the training schedule."
        )
    return (np.arange(n_steps) * (num_train_timesteps // n_steps))[::-1].astype(np.int64)


def check_eta(eta: float) -> None:
    """Raise ConfigError for a share of noise outside [0, 1]."""
    if not 0.0 <= eta <= 1.0:
        raise ConfigError(f"eta = {eta}: expected 0 (deterministic) to 1 (DDPM variance).")


def sample_ddpm(
    predict: Predict, x: Tensor, schedule: Schedule, noise: Noise, n_steps: int, _eta: float = 0.0
) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, Algorithm 2); with fewer steps than in training the betas are rebuilt.

    Args:
        predict: the network.
        x: standard normal noise, `(B, Tp, Da)`.
        schedule: the training schedule.
        noise: called once a step except the last.
        n_steps: inference steps, 1 to T.
        _eta: unused.

    Returns:
        The sample, `(B, Tp, Da)`, in [-1, 1] up to the network's error.
    """
    stride = schedule.num_train_timesteps // n_steps
    for step in inference_steps(schedule.num_train_timesteps, n_steps):
        alpha_bar, alpha_bar_previous = _signal(schedule, step), _signal(schedule, step - stride)
        alpha = alpha_bar / alpha_bar_previous
        clean = predict(x, int(step)).clean
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
    predict: Predict, x: Tensor, schedule: Schedule, noise: Noise, n_steps: int, eta: float = 0.0
) -> Tensor:
    """Implicit sampling (Song et al. 2020, Eq. 12); deterministic for `eta` = 0, the last step ends at x_0.

    Arguments as for `sample_ddpm`; `eta` is the share of the DDPM variance (Eq. 16), 0 to 1, and `noise` is called
    once a step when it is above 0.
    """
    check_eta(eta)
    stride = schedule.num_train_timesteps // n_steps
    for step in inference_steps(schedule.num_train_timesteps, n_steps):
        alpha_bar, alpha_bar_previous = _signal(schedule, step), _signal(schedule, step - stride)
        prediction = predict(x, int(step))
        variance = eta**2 * (1 - alpha_bar_previous) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_previous)
        x = alpha_bar_previous**0.5 * prediction.clean + (1 - alpha_bar_previous - variance) ** 0.5 * prediction.epsilon
        if eta > 0:
            x = x + variance**0.5 * noise()
    return x


def solver_steps(num_train_timesteps: int, n_steps: int) -> NDArray[np.int64]:
    """The diffusion steps that DPM-Solver++ visits: evenly from the noisiest on, the clean end left out.

    Raises:
        ConfigError: unless 1 <= n_steps <= num_train_timesteps.
    """
    inference_steps(num_train_timesteps, n_steps)
    spaced = np.linspace(0, num_train_timesteps - 1, n_steps + 1).round()[1:]
    visited: NDArray[np.int64] = np.unique(spaced)[::-1].astype(np.int64)  # T steps are one more than there are gaps
    return visited


def sample_dpm_solver(
    predict: Predict, x: Tensor, schedule: Schedule, _noise: Noise, n_steps: int, _eta: float = 0.0
) -> Tensor:
    """DPM-Solver++ (2M): second order from the last two predictions of x_0; first and last step are first order.

    Arguments as for `sample_ddpm`; deterministic, without noise and eta.
    """
    steps = solver_steps(schedule.num_train_timesteps, n_steps)
    clean_before, log_snr_before = None, 0.0
    for step, step_next in zip(steps, [*steps[1:], None], strict=True):
        clean = predict(x, int(step)).clean
        if step_next is None:
            return clean  # the noise level ends at 0
        signal, signal_next = _signal(schedule, step), _signal(schedule, step_next)
        log_snr, log_snr_next = _log_snr(signal), _log_snr(signal_next)
        width = log_snr_next - log_snr
        direction = clean
        if clean_before is not None:
            ratio = (log_snr - log_snr_before) / width
            direction = clean + (clean - clean_before) / (2 * ratio)
        x = ((1 - signal_next) / (1 - signal)) ** 0.5 * x - signal_next**0.5 * math.expm1(-width) * direction
        clean_before, log_snr_before = clean, log_snr
    return x


Sampler = Callable[[Predict, Tensor, Schedule, Noise, int, float], Tensor]
SamplerName = Literal["ddpm", "ddim", "dpm-solver++"]
SAMPLERS: Mapping[SamplerName, Sampler] = {"ddpm": sample_ddpm, "ddim": sample_ddim, "dpm-solver++": sample_dpm_solver}


def _signal(schedule: Schedule, step: int | np.int64) -> float:
    return float(schedule.alphas_cumprod[step]) if step >= 0 else 1.0


def _log_snr(alpha_bar: float) -> float:
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))
