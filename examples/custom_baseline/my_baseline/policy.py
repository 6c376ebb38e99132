"""Linear behaviour cloning: one matrix from observations to a chunk of actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpbench.baseline import Baseline, Batch, ChunkConfig, Features, NoiseStreams, Preset, TrainingConfig
from dpbench.nets.observations import ObservationEncoder


@dataclass(frozen=True)
class LinearConfig(ChunkConfig):
    """Observed, predicted and executed steps are inherited; fields of your own go here.

    Their types say which values are right, such as `width: Size = 64` with `Size` of `dpbench.fields`.
    """


class Linear(nn.Module):
    """A network with `loss` and `sample`, in normalised units; the harness does the rest."""

    def __init__(self, config: LinearConfig, features: Features) -> None:
        super().__init__()
        self.shape = (config.horizon, features.dim_action)
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.out = nn.Linear(config.n_obs_steps * self.encoder.dim, config.horizon * features.dim_action)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error."""
        return nn.functional.mse_loss(self.sample(batch.observations, NoiseStreams.from_seeds(0, [])), batch.actions)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` to `(B, Tp, Da)`."""
        return self.out(self.encoder(observations).flatten(1)).view(-1, *self.shape)


SMALL = Preset(LinearConfig(vision_width=16), TrainingConfig(n_steps=2_000, batch_size=128, learning_rate=1e-3))
BASELINE = Baseline("linear-bc", "none: an example", {"small": SMALL}, build=Linear)
