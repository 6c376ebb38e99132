"""MLP behaviour cloning: one network, one action sequence, mean squared error.

The simplest learned policy, which averages over modes: the "MSE" policy of Florence et al. 2022 (arXiv 2109.00137). It
predicts the action chunks of Chi et al. 2023, so that it does not differ from Diffusion Policy in its horizon. The
`paper` preset has the size of IBC's best MSE policy on block pushing (width 1024, depth 8, dropout 0.1, learning rate
5e-4; `pushing_states` configuration of google-research/ibc).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own alias

from dpbench.baseline import (
    Baseline,
    Batch,
    ChunkConfig,
    Features,
    NoiseStreams,
    Preset,
    TrainingConfig,
    small_training,
)
from dpbench.fields import Layers, Share, Size
from dpbench.nets.observations import ObservationEncoder


@dataclass(frozen=True)
class MlpBcConfig(ChunkConfig):
    """Defaults are those of IBC's MSE policy, with Diffusion Policy's horizon.

    Attributes:
        width: of the hidden layers.
        depth: number of hidden layers.
        dropout: after each hidden layer.
    """

    width: Size = 1024
    depth: Layers = 8
    dropout: Share = 0.1


class MlpBc(nn.Module):
    """Observations to actions; deterministic."""

    def __init__(self, config: MlpBcConfig, features: Features) -> None:
        super().__init__()
        self._shape = (config.horizon, features.dim_action)
        self.encoder = ObservationEncoder(features, config.vision_width)
        layers: list[nn.Module] = []
        dim = config.n_obs_steps * self.encoder.dim
        for _ in range(config.depth):
            layers += [nn.Linear(dim, config.width), nn.ReLU(), nn.Dropout(config.dropout)]
            dim = config.width
        self.network = nn.Sequential(*layers, nn.Linear(dim, config.horizon * features.dim_action))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error over the whole horizon; dropout draws from torch's global generator."""
        return F.mse_loss(self._predict(batch.observations).float(), batch.actions)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` -> `(B, Tp, Da)`; uses no noise."""
        return self._predict(observations)

    def _predict(self, observations: Mapping[str, Tensor]) -> Tensor:
        actions: Tensor = self.network(self.encoder(observations).flatten(1))
        return actions.view(-1, *self._shape)  # (B, Tp * Da) -> (B, Tp, Da)


TRAINING = TrainingConfig(n_steps=100_000, batch_size=512, learning_rate=5e-4)
BASELINE = Baseline(
    name="mlp-bc",
    paper="Florence et al. 2022, Implicit Behavioral Cloning (its MSE policy), arXiv 2109.00137",
    presets={
        "paper": Preset(MlpBcConfig(), TRAINING),
        "small": Preset(MlpBcConfig(width=512, depth=4, vision_width=16), small_training(TRAINING)),
    },
    build=MlpBc,
)
