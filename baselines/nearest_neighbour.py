"""Nearest neighbour: do what the demonstrator did in the most similar situation.

A reference that any learned policy should beat: VINN (Pari et al. 2022, arXiv 2112.01511) with k = 1, over the
observations themselves instead of a learned representation. Nothing is trained: the checkpoint holds the windows of the
demonstrations. Pictures are compared by their averages over an 8 x 8 grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own alias

from dpbench.baseline import Baseline, Batch, ChunkConfig, Features, NoiseStreams, Preset, TrainingConfig, TrainingSet

GRID = 8
FIT_BATCH = 1024


@dataclass(frozen=True)
class NearestNeighbourConfig(ChunkConfig):
    """The horizon is Diffusion Policy's."""


class NearestNeighbour(nn.Module):
    """All windows, and the search among them."""

    keys: Tensor
    actions: Tensor

    def __init__(self, config: NearestNeighbourConfig, features: Features) -> None:
        super().__init__()
        dim = sum(GRID * GRID * 3 if key.startswith("pixels.") else n[0] for key, n in features.observations.items())
        # No windows yet; `fit` or a checkpoint brings them.
        self.register_buffer("keys", torch.zeros(0, config.n_obs_steps * dim))
        self.register_buffer("actions", torch.zeros(0, config.horizon, features.dim_action))
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    def fit(self, data: TrainingSet, generator: torch.Generator) -> None:
        """Keep every window."""
        batches = list(data.in_batches(FIT_BATCH))
        self.keys = torch.cat([describe(batch.observations) for batch in batches])
        self.actions = torch.cat([batch.actions for batch in batches])

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error of the neighbour's actions; only reported, since nothing is trained."""
        return F.mse_loss(self._nearest(batch.observations), batch.actions)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` -> `(B, Tp, Da)`: the nearest window's actions; uses no noise."""
        return self._nearest(observations)

    def _nearest(self, observations: Mapping[str, Tensor]) -> Tensor:
        return self.actions[torch.cdist(describe(observations), self.keys).argmin(dim=1)]


def describe(observations: Mapping[str, Tensor]) -> Tensor:
    """Flat key -> `(B, To, ...)` to `(B, D)`, keys in alphabetical order."""
    parts = []
    for key, value in sorted(observations.items()):
        if key.startswith("pixels."):
            value = F.adaptive_avg_pool2d(value.flatten(0, 1), GRID).reshape(*value.shape[:2], -1)
        parts.append(value.flatten(1))
    return torch.cat(parts, dim=1)


def _make_room(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    for name in ("keys", "actions"):
        if prefix + name in state:
            setattr(module, name, torch.zeros_like(state[prefix + name]))


TRAINING = TrainingConfig(n_steps=0, ema_power=None)
BASELINE = Baseline(
    name="nearest-neighbour",
    paper="none: a reference; see VINN, Pari et al. 2022, arXiv 2112.01511",
    presets={
        "paper": Preset(NearestNeighbourConfig(), TRAINING),
        "small": Preset(NearestNeighbourConfig(), TRAINING),
    },
    build=NearestNeighbour,
)
