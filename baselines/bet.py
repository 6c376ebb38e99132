"""Behavior Transformer: a GPT predicts a k-means bin of the action, and an offset from the bin's centre.

Source: Shafiullah et al. 2022 (arXiv 2206.11251), Sec. 3; sizes of the `paper` preset as in the comparison of
Chi et al. 2023 (`train_bet_lowdim`): 24 bins, minGPT with 4 layers, 4 heads and 72 dimensions, context 3, focal loss
with gamma 2, offset loss times 1000, gradients clipped at 1, no EMA (0.26 M parameters for Push-T keypoints).

Difference: before an episode's start its first observation is repeated, as for every method here; the published code
fills in -2.
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
    TrainingSet,
    small_training,
)
from dpbench.errors import ConfigError
from dpbench.fields import Layers, Share, Size, Steps, Weight
from dpbench.nets.categorical import draw, focal_loss
from dpbench.nets.decay import all_but_matrices
from dpbench.nets.gpt import Gpt, check_heads
from dpbench.nets.observations import ObservationEncoder

N_KMEANS_ITERATIONS = 50


@dataclass(frozen=True)
class BetConfig(ChunkConfig):
    """Defaults are those of Chi et al. 2023 for Push-T.

    Attributes:
        n_bins: k-means centres of the actions (V).
        n_layers: of the GPT.
        n_heads: of the GPT, a divisor of `dim`.
        dim: of a token.
        dropout: everywhere in the GPT.
        gamma: of the focal loss.
        offset_scale: weight of the offset's mean squared error.
    """

    n_obs_steps: Steps = 3
    horizon: Steps = 3
    n_action_steps: Steps = 1
    n_bins: Size = 24
    n_layers: Layers = 4
    n_heads: Layers = 4
    dim: Size = 72
    dropout: Share = 0.1
    gamma: Weight = 2.0
    offset_scale: Weight = 1000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.horizon != self.n_obs_steps or self.n_action_steps != 1:
            raise ConfigError(
                f"horizon = {self.horizon}, n_obs_steps = {self.n_obs_steps}, n_action_steps = {self.n_action_steps}: "
                "bet predicts one action for each observed step, expected horizon = n_obs_steps and n_action_steps = 1."
            )
        check_heads(self.dim, self.n_heads)


class Bet(nn.Module):
    """The bins, the GPT, its loss and its sampling."""

    centres: Tensor

    def __init__(self, config: BetConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._dim_action = features.dim_action
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.register_buffer("centres", torch.zeros(config.n_bins, features.dim_action))
        self.observation = nn.Linear(self.encoder.dim, config.dim)
        self.gpt = Gpt(config.n_obs_steps, config.n_layers, config.n_heads, config.dim, config.dropout)
        self.head = nn.Linear(config.dim, config.n_bins * (1 + features.dim_action))

    def no_decay(self) -> frozenset[str]:
        """Biases, norms, positions and the cameras' encoders."""
        return all_but_matrices(self)

    def fit(self, data: TrainingSet, generator: torch.Generator) -> None:
        """Set the bins: k-means of all training actions."""
        actions = data.actions[:, -1]  # (N, Da): each step is the last of one window
        self.centres.copy_(k_means(actions, self._config.n_bins, N_KMEANS_ITERATIONS, generator))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Focal loss of the bin plus the squared error of the true bin's offset (Sec. 3.2), at every observed step."""
        logits, offsets = self._predict(batch.observations)
        bins = torch.cdist(batch.actions, self.centres[None]).argmin(dim=2)  # (B, Tp)
        index = bins[..., None, None].expand(-1, -1, 1, self._dim_action)
        offset = offsets.gather(2, index)[:, :, 0]
        error = F.mse_loss(offset, batch.actions - self.centres[bins])
        loss: Tensor = focal_loss(logits, bins, self._config.gamma) + self._config.offset_scale * error
        return loss

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """A bin drawn at every step, and its offset: `(B, Tp, Da)`."""
        logits, offsets = self._predict(observations)
        uniform = torch.from_numpy(noise.uniform(self._config.horizon, 1)).to(logits)
        bins = draw(logits, uniform)[..., 0]  # (B, Tp)
        index = bins[..., None, None].expand(-1, -1, 1, self._dim_action)
        actions: Tensor = self.centres[bins] + offsets.gather(2, index)[:, :, 0]
        return actions

    def _predict(self, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits `(B, To, V)` and offsets `(B, To, V, Da)`."""
        out = self.head(self.gpt(self.observation(self.encoder(observations)))).float()
        logits, offsets = out.split([self._config.n_bins, self._config.n_bins * self._dim_action], dim=2)
        return logits, offsets.unflatten(2, (self._config.n_bins, self._dim_action))


def k_means(points: Tensor, n_centres: int, n_iterations: int, generator: torch.Generator) -> Tensor:
    """Lloyd's algorithm from distinct random points; a centre without points stays where it is.

    Args:
        points: `(N, D)`.
        n_centres: K.
        n_iterations: assignments and averages.
        generator: chooses the first centres.

    Returns:
        `(K, D)`.

    Raises:
        ConfigError: when there are fewer distinct points than centres.
    """
    distinct = torch.unique(points, dim=0)
    if len(distinct) < n_centres:
        raise ConfigError(f"n_bins = {n_centres}, but the demonstrations hold {len(distinct)} distinct actions.")
    order = torch.randperm(len(distinct), generator=generator, device=generator.device).to(points.device)
    centres = distinct[order[:n_centres]]
    for _ in range(n_iterations):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        counts = torch.bincount(nearest, minlength=n_centres)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    found: Tensor = centres
    return found


TRAINING = TrainingConfig(
    n_steps=485_000,  # 5,000 epochs of about 97 batches
    betas=(0.9, 0.95),
    weight_decay=0.1,
    ema_power=None,
    max_gradient_norm=1.0,
)
BASELINE = Baseline(
    name="bet",
    paper="Shafiullah et al. 2022, Behavior Transformers, arXiv 2206.11251",
    presets={
        "paper": Preset(BetConfig(), TRAINING),
        "small": Preset(BetConfig(vision_width=16), small_training(TRAINING)),
    },
    build=Bet,
)
