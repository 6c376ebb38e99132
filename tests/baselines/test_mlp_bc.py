"""MLP behaviour cloning."""

from __future__ import annotations

import pytest
import torch

from dpbench.baseline import Batch, Features
from dpbench.baselines.mlp_bc import MlpBc, MlpBcConfig
from dpbench.errors import ConfigError
from dpbench.policy import NoiseStreams

FEATURES = Features({"agent_pos": (2,), "environment_state": (3,)}, dim_action=2)
TINY = MlpBcConfig(width=64, depth=2, dropout=0.0)


def batch(n_rows: int = 4) -> Batch:
    torch.manual_seed(1)
    observations = {"agent_pos": torch.randn(n_rows, 2, 2), "environment_state": torch.randn(n_rows, 2, 3)}
    return Batch(observations, torch.rand(n_rows, 16, 2) * 2 - 1)


def fit(method: MlpBc, data: Batch, n_steps: int = 400) -> None:
    optimiser = torch.optim.AdamW(method.parameters(), lr=3e-3)
    for _ in range(n_steps):
        loss = method.loss(data, torch.Generator())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def test_overfits_a_tiny_data_set() -> None:
    torch.manual_seed(0)
    method, data = MlpBc(TINY, FEATURES), batch()
    fit(method, data)
    sampled = method.eval().sample(data.observations, NoiseStreams.from_seeds(0, range(4)))
    assert (sampled - data.actions).abs().mean() < 0.02


def test_averages_two_modes() -> None:
    """Left and right from one state become straight on: the failure that the other methods are there to avoid."""
    torch.manual_seed(0)
    method, data = MlpBc(TINY, FEATURES), batch(1)
    both = {key: value.repeat(2, 1, 1) for key, value in data.observations.items()}
    actions = torch.stack([torch.full((16, 2), -0.7), torch.full((16, 2), 0.7)])
    fit(method, Batch(both, actions))
    assert method.eval().sample(data.observations, NoiseStreams.from_seeds(0, [0])).abs().max() < 0.05


@pytest.mark.parametrize("change", [{"width": 0}, {"depth": 0}, {"dropout": 1.0}])
def test_bad_configuration_is_named(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="width and depth must be at least 1"):
        MlpBcConfig(**change)
