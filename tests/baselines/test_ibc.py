"""Implicit behavioural cloning: the energy, and both ways to go down on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dpbench.baselines.ibc import BASELINE, Ibc, IbcConfig, langevin, with_sampling
from dpbench.errors import ConfigError
from dpbench.nets.features import Features
from dpbench.policies.method import Batch
from dpbench.policies.noise import NoiseStreams

FEATURES = Features({"agent_pos": (2,)}, dim_action=2)
TINY = IbcConfig(width=64, depth=2, dropout=0.0, n_counter_examples=32, n_samples=64, n_langevin_steps=20)


def bowl(actions: Tensor) -> Tensor:
    return 40 * (actions - torch.tensor([0.3, -0.5])).square().sum(dim=2)


def test_langevin_ends_near_the_minimum_and_inside_the_box() -> None:
    generator = torch.Generator().manual_seed(0)
    start = 2 * torch.rand((2, 50, 2), generator=generator) - 1
    end = langevin(bowl, start, lambda like: torch.randn(like.shape, generator=generator), 100)
    assert end.abs().max() <= 1
    assert (end - torch.tensor([0.3, -0.5])).abs().mean() < 0.2 < (start - torch.tensor([0.3, -0.5])).abs().mean()


@pytest.mark.parametrize("counter_examples", ["uniform", "langevin"])
@pytest.mark.parametrize("sampler", ["dfo", "langevin"])
def test_it_finds_the_demonstrated_action_by_both_ways(counter_examples: str, sampler: str) -> None:
    torch.manual_seed(0)
    config = replace(TINY, counter_examples=counter_examples, sampler=sampler)
    method = Ibc(config, FEATURES)
    sides = torch.tensor([[-0.6, 0.4], [0.6, -0.4]])
    observed = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    rows = torch.arange(64) % 2
    batch = Batch({"agent_pos": observed[rows][:, None].repeat(1, 2, 1)}, sides[rows][:, None].repeat(1, 2, 1))
    optimiser = torch.optim.AdamW(method.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        loss = method.loss(batch, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        observations = {"agent_pos": batch.observations["agent_pos"][:2]}
        sampled = method.eval().sample(observations, NoiseStreams.from_seeds(0, range(2)))
    assert sampled.shape == (2, 2, 2)
    assert (sampled[:, 1] - sides).abs().mean() < 0.25, "the other side's action is 1.0 away"


def test_options_are_chosen_at_inference_time() -> None:
    assert with_sampling(TINY, {"sampler": "langevin", "steps": "7"}).n_langevin_steps == 7
    assert with_sampling(TINY, {"steps": "7"}).n_iterations == 7
    assert BASELINE.sampling is not None
    assert str(BASELINE.sampling.of(with_sampling(TINY, {"sampler": "langevin"}))) == "langevin 20"
    with pytest.raises(ConfigError, match="n_iterations = 0: expected a whole number from 1"):
        with_sampling(TINY, {"steps": "0"})
    with pytest.raises(
        ConfigError, match="unknown sampling option temperature; known are sampler: one of dfo, langevin; steps:"
    ):
        with_sampling(TINY, {"temperature": "1"})
    with pytest.raises(ConfigError, match="sampler = 'ddim': expected dfo or langevin"):
        with_sampling(TINY, {"sampler": "ddim"})
