"""Our schedule and samplers against diffusers, on the same noise."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from dpbench.baselines.diffusion.samplers import (
    SAMPLERS,
    Predict,
    inference_steps,
    sample_ddim,
    sample_ddpm,
    sample_dpm_solver,
    solver_steps,
)
from dpbench.baselines.diffusion.schedule import (
    Predicted,
    Prediction,
    add_noise,
    predicted,
    squared_cosine,
    training_target,
)
from dpbench.errors import ConfigError

SHAPE = (4, 16, 2)
N_STEPS = range(1, 101)


def denoise(x: Tensor, step: int) -> Tensor:
    """A smooth stand-in for a network: depends on sample and step."""
    return torch.tanh(0.9 * x + 0.01 * step) + 0.1 * x.roll(1, dims=1)


def predict(prediction: str = "epsilon") -> Predict:
    """The stand-in as the samplers see it."""
    signal = squared_cosine(100).alphas_cumprod
    return lambda x, step: predicted(prediction, denoise(x, step), x, float(signal[step]))


def noises(count: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(SHAPE, generator=generator) for _ in range(count)]


def settings(prediction: str = "epsilon") -> dict[str, object]:
    return {
        "num_train_timesteps": 100,
        "beta_schedule": "squaredcos_cap_v2",
        "clip_sample": True,
        "prediction_type": {"v": "v_prediction"}.get(prediction, prediction),
    }


@pytest.mark.parametrize("num_train_timesteps", [1, 10, 16, 100, 1000])
def test_schedule_equals_diffusers(num_train_timesteps: int) -> None:
    theirs = DDPMScheduler(num_train_timesteps=num_train_timesteps, beta_schedule="squaredcos_cap_v2")
    ours = squared_cosine(num_train_timesteps).alphas_cumprod
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
    ours = sample_ddpm(predict(), drawn[0], squared_cosine(100), lambda: next(again), n_steps)
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
    ours = sample_ddim(predict(), drawn[0], squared_cosine(100), lambda: next(again), n_steps, eta)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_add_noise_equals_diffusers() -> None:
    clean, noise = noises(2)
    steps = torch.tensor([0, 3, 50, 99])
    theirs = DDPMScheduler(**settings()).add_noise(clean, noise, steps)
    signal = torch.tensor(squared_cosine(100).alphas_cumprod, dtype=torch.float32)
    torch.testing.assert_close(add_noise(clean, noise, signal[steps].view(-1, 1, 1)), theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("prediction", get_args(Prediction))
@pytest.mark.parametrize("n_steps", [1, 2, 7, 10, 50, 100])
def test_every_prediction_type_equals_diffusers(prediction: str, n_steps: int) -> None:
    scheduler = DDIMScheduler(**settings(prediction), set_alpha_to_one=True, steps_offset=0)
    scheduler.set_timesteps(n_steps)
    theirs = start = noises(1, seed=5)[0]
    for step in scheduler.timesteps:
        theirs = scheduler.step(denoise(theirs, int(step)), step, theirs).prev_sample
    ours = sample_ddim(predict(prediction), start, squared_cosine(100), lambda: noises(1)[0], n_steps)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of diffusers
@pytest.mark.parametrize("n_steps", [*range(1, 50), 75, 99])
def test_dpm_solver_equals_diffusers(n_steps: int) -> None:
    """Theirs does not clamp x_0: ours is given a prediction without the clamp."""
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=100, beta_schedule="squaredcos_cap_v2", final_sigmas_type="zero"
    )
    scheduler.set_timesteps(n_steps)
    theirs = start = noises(1, seed=6)[0]
    signal = squared_cosine(100).alphas_cumprod

    def unclamped(x: Tensor, step: int) -> Predicted:
        alpha_bar, epsilon = float(signal[step]), denoise(x, step)
        return Predicted((x - (1 - alpha_bar) ** 0.5 * epsilon) / alpha_bar**0.5, epsilon)

    assert scheduler.timesteps.tolist() == solver_steps(100, n_steps).tolist()
    for step in scheduler.timesteps:
        theirs = scheduler.step(denoise(theirs, int(step)), step, theirs).prev_sample
    ours = sample_dpm_solver(unclamped, start, squared_cosine(100), lambda: start, n_steps)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("prediction", get_args(Prediction))
@pytest.mark.parametrize("step", [0, 30, 99])
def test_what_is_trained_is_what_is_read(prediction: str, step: int) -> None:
    clean, noise = noises(2, seed=7)
    clean = clean.clamp(-1, 1)
    alpha_bar = float(squared_cosine(100).alphas_cumprod[step])
    signal = torch.tensor(alpha_bar).double()
    target = training_target(prediction, clean.double(), noise.double(), signal)
    read = predicted(prediction, target, add_noise(clean.double(), noise.double(), signal), alpha_bar)
    torch.testing.assert_close(read.clean, clean.double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(read.epsilon, noise.double(), rtol=0, atol=1e-3)


def test_exact_noise_prediction_recovers_the_sample() -> None:
    """With an oracle of the noise every sampler ends at the one clean sample there is."""
    (clean,) = noises(1, seed=3)
    clean = clean.clamp(-1, 1)
    schedule = squared_cosine(100)

    def oracle(x: Tensor, step: int) -> Predicted:
        alpha_bar = float(schedule.alphas_cumprod[step])
        return predicted("epsilon", (x - alpha_bar**0.5 * clean) / (1 - alpha_bar) ** 0.5, x, alpha_bar)

    for sampler in SAMPLERS.values():
        drawn = iter(noises(101, seed=4))
        sample = sampler(oracle, next(drawn), schedule, lambda drawn=drawn: next(drawn), 100, 0.0)
        torch.testing.assert_close(sample, clean, rtol=0, atol=1e-3)


@pytest.mark.parametrize("n_steps", [0, -1, 101])
def test_impossible_step_counts_are_named(n_steps: int) -> None:
    with pytest.raises(ConfigError, match=rf"{n_steps} inference steps: expected 1 to 100"):
        inference_steps(100, n_steps)


def test_impossible_eta_is_named() -> None:
    with pytest.raises(ConfigError, match=r"eta = 1\.5"):
        sample_ddim(predict(), noises(1)[0], squared_cosine(100), lambda: noises(1)[0], 10, eta=1.5)
