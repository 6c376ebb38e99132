"""The U-Net and the policy around it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from dpbench.baselines.diffusion import CNN
from dpbench.baselines.diffusion.config import DiffusionCnnConfig, sampling_of, with_sampling
from dpbench.errors import ConfigError
from dpbench.nets.features import Features
from dpbench.nets.unet import ConditionalUnet1D, TimeConv, TimeGroupNorm, TimeUpsample

FEATURES = Features({"agent_pos": (2,), "environment_state": (18,)}, dim_action=2)
IMAGE = Features({"agent_pos": (2,), "pixels.top": (3, 96, 96)}, dim_action=2)
TINY = DiffusionCnnConfig(down_dims=(16, 32), dim_step=16, sampler="ddim", n_inference_steps=10)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_are_the_published_ones() -> None:
    """65.78 M for the low-dimensional configuration; 251,511,938 stands in the log of diffusion_policy issue 36."""
    with torch.device("meta"):
        assert count(CNN.build(CNN.presets["paper"].config, FEATURES)) == 65_783_298
        assert count(ConditionalUnet1D(2, 132, (512, 1024, 2048), 128, 5)) == 251_511_938
        assert count(CNN.build(CNN.presets["paper-image"].config, IMAGE)) == 251_511_938 + 11_197_088
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
    x, condition = torch.randn(1, 16, 2), torch.randn(1, 2, 20)
    base = network(x, torch.tensor([5]), condition)
    assert not torch.allclose(base, network(x, torch.tensor([6]), condition))
    assert not torch.allclose(base, network(x, torch.tensor([5]), condition + 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": 15}, "horizon = 15 cannot be halved 1 times"),
        ({"n_action_steps": 16}, "reaches beyond"),
        ({"kernel_size": 4}, "must be odd"),
        ({"n_inference_steps": 0}, "n_inference_steps = 0: expected"),
        ({"n_inference_steps": 101}, "101 inference steps"),
        ({"down_dims": (12, 32)}, "multiple of 8"),
        ({"eta": 1.5}, "eta = 1.5"),
        ({"vision_width": 24}, "vision_width = 24"),
    ],
)
def test_bad_configuration_is_named_before_any_network_is_built(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(TINY, **change)


def test_sampling_options_are_chosen_at_inference_time() -> None:
    assert str(sampling_of(TINY)) == "ddim 10"
    assert str(sampling_of(with_sampling(TINY, {"eta": "0.5"}))) == "ddim 10 eta 0.5"
    changed = with_sampling(TINY, {"sampler": "ddpm", "steps": "25"})
    assert (changed.sampler, changed.n_inference_steps) == ("ddpm", 25)
    with pytest.raises(ConfigError, match="sampler = 'dpm': expected ddpm or ddim or"):
        with_sampling(TINY, {"sampler": "dpm"})
    with pytest.raises(ConfigError, match="steps = 'ten'"):
        with_sampling(TINY, {"steps": "ten"})
    with pytest.raises(ConfigError, match="n_inference_steps = -3"):
        with_sampling(TINY, {"steps": "-3"})
    assert with_sampling(TINY, {"eta": "0.5"}).eta == 0.5
    with pytest.raises(ConfigError, match=r"eta = 0\.5 belongs to the sampler ddim"):
        with_sampling(TINY, {"sampler": "ddpm", "eta": "0.5"})
    with pytest.raises(ConfigError, match="unknown sampling option temperature"):
        with_sampling(TINY, {"temperature": "1"})
