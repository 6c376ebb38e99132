"""Our schedule and samplers against diffusers, on the same noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor

from dpbench.baselines.diffusion.samplers import add_noise, inference_steps, sample_ddim, sample_ddpm
from dpbench.baselines.diffusion.schedule import squared_cosine
from dpbench.errors import ConfigError

SHAPE = (4, 16, 2)
N_STEPS = range(1, 101)


def denoise(x: Tensor, step: int) -> Tensor:
    """A smooth stand-in for a network: depends on sample and step."""
    return torch.tanh(0.9 * x + 0.01 * step) + 0.1 * x.roll(1, dims=1)


def noises(count: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(SHAPE, generator=generator) for _ in range(count)]


def settings() -> dict[str, object]:
    return {
        "num_train_timesteps": 100,
        "beta_schedule": "squaredcos_cap_v2",
        "clip_sample": True,
        "prediction_type": "epsilon",
    }


@pytest.mark.parametrize("n_train_steps", [1, 10, 16, 100, 1000])
def test_schedule_equals_diffusers(n_train_steps: int) -> None:
    theirs = DDPMScheduler(num_train_timesteps=n_train_steps, beta_schedule="squaredcos_cap_v2")
    ours = squared_cosine(n_train_steps).alphas_cumprod
    np.testing.assert_allclose(ours, theirs.alphas_cumprod.numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("n_steps", N_STEPS)
def test_ddpm_equals_diffusers(n_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = noises(n_steps + 1)
    scheduler = DDPMScheduler(**settings(), variance_type="fixed_small")
    scheduler.set_timesteps(n_steps)
    theirs, stream = drawn[0], iter(drawn[1:])
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: next(stream))
    for step in scheduler.timesteps:
        theirs = scheduler.step(denoise(theirs, int(step)), step, theirs).prev_sample
    again = iter(drawn[1:])
    ours = sample_ddpm(denoise, drawn[0], squared_cosine(100), lambda: next(again), n_steps)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_steps", N_STEPS)
def test_ddim_equals_diffusers(n_steps: int, eta: float) -> None:
    drawn = noises(n_steps + 1, seed=1)
    scheduler = DDIMScheduler(**settings(), set_alpha_to_one=True, steps_offset=0)
    scheduler.set_timesteps(n_steps)
    theirs, stream = drawn[0], iter(drawn[1:])
    for step in scheduler.timesteps:
        noise = next(stream) if eta > 0 else None
        theirs = scheduler.step(denoise(theirs, int(step)), step, theirs, eta=eta, variance_noise=noise).prev_sample
    again = iter(drawn[1:])
    ours = sample_ddim(denoise, drawn[0], squared_cosine(100), lambda: next(again), n_steps, eta)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_add_noise_equals_diffusers() -> None:
    clean, noise = noises(2)
    steps = torch.tensor([0, 3, 50, 99])
    theirs = DDPMScheduler(**settings()).add_noise(clean, noise, steps)
    signal = torch.tensor(squared_cosine(100).alphas_cumprod, dtype=torch.float32)
    torch.testing.assert_close(add_noise(clean, noise, steps, signal), theirs, rtol=0, atol=1e-6)


def test_exact_noise_prediction_recovers_the_sample() -> None:
    """With an oracle of the noise every sampler ends at the one clean sample there is."""
    (clean,) = noises(1, seed=3)
    clean = clean.clamp(-1, 1)
    schedule = squared_cosine(100)

    def oracle(x: Tensor, step: int) -> Tensor:
        alpha_bar = float(schedule.alphas_cumprod[step])
        return (x - alpha_bar**0.5 * clean) / (1 - alpha_bar) ** 0.5

    for sampler in (sample_ddpm, sample_ddim):
        drawn = iter(noises(101, seed=4))
        sample = sampler(oracle, next(drawn), schedule, lambda drawn=drawn: next(drawn), 100)
        torch.testing.assert_close(sample, clean, rtol=0, atol=1e-3)


@pytest.mark.parametrize("n_steps", [0, -1, 101])
def test_impossible_step_counts_are_named(n_steps: int) -> None:
    with pytest.raises(ConfigError, match=rf"{n_steps} inference steps: expected 1 to 100"):
        inference_steps(100, n_steps)


def test_impossible_eta_is_named() -> None:
    with pytest.raises(ConfigError, match=r"eta = 1\.5"):
        sample_ddim(denoise, noises(1)[0], squared_cosine(100), lambda: noises(1)[0], 10, eta=1.5)
