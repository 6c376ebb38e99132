"""A method that passes every check: a two-layer network from observations to a chunk of actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dpbench.baseline import Baseline, Batch, ChunkConfig, Features, NoiseStreams, Preset, TrainingConfig
from dpbench.nets.observations import ObservationEncoder


@dataclass(frozen=True)
class Config(ChunkConfig):
    width: int = 64


class Network(nn.Module):
    def __init__(self, config: Config, features: Features) -> None:
        super().__init__()
        self.shape = (config.horizon, features.dim_action)
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.hidden = nn.Linear(config.n_obs_steps * self.encoder.dim, config.width)
        self.out = nn.Linear(config.width, config.horizon * features.dim_action)

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        hidden = torch.relu(self.hidden(self.encoder(observations).flatten(1)))
        chunk: Tensor = self.out(hidden).view(-1, *self.shape)
        return chunk

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The batch is made a little noisy."""
        noise = 0.01 * torch.randn(batch.actions.shape, generator=generator)
        return nn.functional.mse_loss(self(batch.observations), batch.actions + noise)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        chunk: Tensor = self(observations)
        return chunk + 0.001 * torch.from_numpy(noise.normal(*self.shape))


CONFIG = Config(vision_width=16)
TRAINING = TrainingConfig(n_steps=100)


def baseline(network: Any = Network, config: Config = CONFIG) -> Baseline[Any]:
    """A method with this network."""
    return Baseline("linear", "none", {"small": Preset(config, TRAINING)}, build=network)
