"""The U-Net and the policy around it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from dpbench.baseline import Batch, Features
from dpbench.baselines.diffusion import CNN
from dpbench.baselines.diffusion.policy import DiffusionCnn, DiffusionCnnConfig, with_sampling
from dpbench.baselines.diffusion.unet import ConditionalUnet1D, TimeConv, TimeGroupNorm, TimeUpsample
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.policy import NoiseStreams

FEATURES = Features({"agent_pos": (2,), "environment_state": (18,)}, dim_action=2)
TINY = DiffusionCnnConfig(down_dims=(16, 32), dim_step=16, sampler="ddim", n_inference_steps=10)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def observations(n_rows: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.randn((n_rows, 2, *shape), generator=generator) for key, shape in FEATURES.observations.items()}


def test_parameter_counts_are_the_published_ones() -> None:
    """65.78 M for the low-dimensional configuration; 251,511,938 stands in the log of diffusion_policy issue 36."""
    with torch.device("meta"):
        assert count(CNN.build(CNN.presets["paper"].config, FEATURES)) == 65_783_298
        assert count(ConditionalUnet1D(2, 132, (512, 1024, 2048), 128, 5)) == 251_511_938
        assert count(CNN.build(CNN.presets["small"].config, FEATURES)) == 4_559_554


@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2)])
def test_time_conv_is_conv1d(kernel_size: int, stride: int) -> None:
    torch.manual_seed(0)
    ours = TimeConv(6, 8, kernel_size, stride)
    theirs = nn.Conv1d(6, 8, kernel_size, stride=stride, padding=kernel_size // 2)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 16, 6)
    torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2)).transpose(1, 2), rtol=0, atol=1e-5)


def test_time_upsample_is_conv_transpose1d() -> None:
    torch.manual_seed(0)
    ours, theirs = TimeUpsample(6), nn.ConvTranspose1d(6, 6, 4, stride=2, padding=1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 8, 6)
    torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2)).transpose(1, 2), rtol=0, atol=1e-5)


def test_time_group_norm_is_group_norm() -> None:
    torch.manual_seed(0)
    ours, theirs = TimeGroupNorm(8, 32), nn.GroupNorm(8, 32)
    x = 3 * torch.randn(3, 16, 32) + 1
    torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2)).transpose(1, 2), rtol=0, atol=1e-5)


def test_conditioning_and_step_reach_the_output() -> None:
    torch.manual_seed(0)
    network = ConditionalUnet1D(2, 40, (16, 32), 16, 5)
    x, condition = torch.randn(1, 16, 2), torch.randn(1, 40)
    base = network(x, torch.tensor([5]), condition)
    assert not torch.allclose(base, network(x, torch.tensor([6]), condition))
    assert not torch.allclose(base, network(x, torch.tensor([5]), condition + 1))


def test_overfits_a_tiny_data_set() -> None:
    torch.manual_seed(0)
    method = DiffusionCnn(TINY, FEATURES)
    corners = torch.tensor([[0.8, 0.8], [0.8, -0.8], [-0.8, 0.8], [-0.8, -0.8]])
    straight = torch.linspace(-1, 1, 16).view(1, 16, 1) * corners[:, None]
    batch = Batch(observations(4), straight)
    optimiser = torch.optim.AdamW(method.parameters(), lr=3e-3)
    many = Batch({key: value.repeat(16, 1, 1) for key, value in batch.observations.items()}, straight.repeat(16, 1, 1))
    for step in range(300):
        loss = method.loss(many, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        sampled = method.eval().sample(batch.observations, NoiseStreams.from_seeds(0, range(4)))
    assert (sampled - batch.actions).abs().mean() < 0.2, "an average of the four paths would be 0.43 away"


def test_same_noise_same_actions_other_noise_other_actions() -> None:
    torch.manual_seed(0)
    method = DiffusionCnn(TINY, FEATURES).eval()
    with torch.inference_mode():
        first, again, other = (
            method.sample(observations(3), NoiseStreams.from_seeds(seed, range(3))) for seed in (0, 0, 1)
        )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_a_row_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    method = DiffusionCnn(replace(TINY, sampler="ddpm"), FEATURES).eval()
    whole = observations(5)
    with torch.inference_mode():
        batch = method.sample(whole, NoiseStreams.from_seeds(0, range(5)))
        alone = method.sample({key: value[3:4] for key, value in whole.items()}, NoiseStreams.from_seeds(0, [3]))
    torch.testing.assert_close(alone[0], batch[3], rtol=0, atol=1e-4)


def test_loss_is_a_function_of_its_generator() -> None:
    torch.manual_seed(0)
    method = DiffusionCnn(TINY, FEATURES)
    batch = Batch(observations(4), torch.zeros(4, 16, 2))
    losses = [method.loss(batch, torch.Generator().manual_seed(seed)).item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": 15}, "horizon = 15 cannot be halved 1 times"),
        ({"n_action_steps": 16}, "reaches beyond"),
        ({"kernel_size": 4}, "must be odd"),
        ({"n_inference_steps": 0}, "0 inference steps"),
        ({"n_inference_steps": 101}, "101 inference steps"),
        ({"down_dims": (12, 32)}, "multiple of 8"),
    ],
)
def test_bad_configuration_is_named_before_any_network_is_built(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(TINY, **change)


def test_sampling_options_are_chosen_at_inference_time() -> None:
    changed = with_sampling(TINY, {"sampler": "ddpm", "steps": "25"})
    assert (changed.sampler, changed.n_inference_steps) == ("ddpm", 25)
    with pytest.raises(UnknownNameError, match="unknown sampler 'dpm'"):
        with_sampling(TINY, {"sampler": "dpm"})
    with pytest.raises(ConfigError, match="steps = 'ten'"):
        with_sampling(TINY, {"steps": "ten"})
    with pytest.raises(ConfigError, match="unknown sampling option temperature"):
        with_sampling(TINY, {"temperature": "1"})
