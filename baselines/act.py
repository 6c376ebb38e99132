"""ACT: action chunking with transformers, a conditional VAE over chunks of actions.

Source: Zhao et al. 2023 (arXiv 2304.13705), Sec. 4 and App. C, Tab. III: chunks of 100, hidden size 512, feed-forward
3200, 8 heads, 4 encoder and 7 decoder layers, latent of 32, L1 loss, KL weight 10, dropout 0.1, AdamW 1e-5, batch 8. At
inference the latent is zero, so that the policy is deterministic. Temporal ensembling (Sec. 4.2) works with any policy
here: `dpbench evaluate CKPT --temporal-ensemble 0.01`.

A chunk that reaches beyond its episode is filled up. What fills it is masked as in the published code (tonyzhaozh/act,
`policy.py`: `(all_l1 * ~is_pad).mean()`; `detr/models/detr_vae.py`: `src_key_padding_mask`): with episodes of 124 steps
and chunks of 100 it is 39.9 % of all targets. Checkpoints without `"masks_padding": true` were trained before this was
so, and their losses count it; sampling is the same for both.

Differences: a camera is one token (its 64 features), where the paper has a 15 x 20 grid of tokens; all position
embeddings are learned.
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
from dpbench.fields import Layers, Share, Size, Steps, Weight
from dpbench.nets.gpt import check_heads
from dpbench.nets.observations import ObservationEncoder

POSITION_STD = 0.02


@dataclass(frozen=True)
class ActConfig(ChunkConfig):
    """Defaults are the paper's.

    Attributes:
        dim: of a token.
        dim_feedforward: of the transformers.
        n_heads: a divisor of `dim`.
        n_encoder_layers: of the CVAE's encoder and of the policy's encoder.
        n_decoder_layers: of the policy's decoder.
        dim_latent: of the style variable z.
        kl_weight: of the KL divergence.
        dropout: of the transformers.
    """

    n_obs_steps: Steps = 1
    horizon: Steps = 100
    n_action_steps: Steps = 100
    dim: Size = 512
    dim_feedforward: Size = 3200
    n_heads: Layers = 8
    n_encoder_layers: Layers = 4
    n_decoder_layers: Layers = 7
    dim_latent: Size = 32
    kl_weight: Weight = 10.0
    dropout: Share = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.dim, self.n_heads)


class Act(nn.Module):
    """The CVAE with its loss; sampling decodes the zero latent."""

    def __init__(self, config: ActConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        dim, horizon = config.dim, config.horizon
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.observation = nn.Linear(self.encoder.dim, dim)
        # The CVAE's encoder reads [class token, observations, actions].
        self.style_token = nn.Parameter(torch.randn(1, 1, dim) * POSITION_STD)
        self.style_observation = nn.Linear(self.encoder.dim, dim)
        self.style_action = nn.Linear(features.dim_action, dim)
        self.style_position = nn.Parameter(torch.randn(1, 1 + config.n_obs_steps + horizon, dim) * POSITION_STD)
        self.style_encoder = _encoder(config)
        self.style = nn.Linear(dim, 2 * config.dim_latent)
        # The policy reads [latent, observations] and answers one query a step.
        self.latent = nn.Linear(config.dim_latent, dim)
        self.position = nn.Parameter(torch.randn(1, 1 + config.n_obs_steps, dim) * POSITION_STD)
        self.policy_encoder = _encoder(config)
        layer = nn.TransformerDecoderLayer(
            dim, config.n_heads, config.dim_feedforward, config.dropout, batch_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, config.n_decoder_layers)
        self.queries = nn.Parameter(torch.randn(1, horizon, dim) * POSITION_STD)
        self.out = nn.Linear(dim, features.dim_action)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """L1 of the reconstructed chunk plus the weighted KL divergence from a standard normal (Alg. 1).

        Actions that only fill a chunk up are hidden from the CVAE's encoder, and their L1 counts as zero in the mean
        over the whole chunk, as published.
        """
        observations = self.encoder(batch.observations)  # (B, To, Do)
        tokens = torch.cat(
            [
                self.style_token.expand(len(observations), -1, -1),
                self.style_observation(observations),
                self.style_action(batch.actions),
            ],
            dim=1,
        )
        style = self.style(self._styled(tokens, batch.real)[:, 0]).float()
        mean, log_variance = style.chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        actions = self._decode(observations, mean + (log_variance / 2).exp() * noise)
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()
        error = F.l1_loss(actions.float(), batch.actions, reduction="none")  # (B, Tp, Da)
        if batch.real is not None:
            error = error * batch.real[:, :, None]
        loss: Tensor = error.mean() + self._config.kl_weight * divergence
        return loss

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """`(B, To, ...)` -> `(B, Tp, Da)` for the latent zero; uses no noise."""
        encoded = self.encoder(observations)
        return self._decode(encoded, encoded.new_zeros(len(encoded), self._config.dim_latent))

    def _styled(self, tokens: Tensor, real: Tensor | None) -> Tensor:
        """The CVAE's encoder over [class token, observations, actions], `(B, 1 + To + Tp, dim)`."""
        hidden = None if real is None else F.pad(~real, (tokens.shape[1] - real.shape[1], 0), value=False)
        styled: Tensor = self.style_encoder(tokens + self.style_position, src_key_padding_mask=hidden)
        return styled

    def _decode(self, observations: Tensor, latent: Tensor) -> Tensor:
        tokens = torch.cat([self.latent(latent)[:, None], self.observation(observations)], dim=1)
        memory = self.policy_encoder(tokens + self.position)
        actions: Tensor = self.out(self.decoder(self.queries.expand(len(latent), -1, -1), memory))
        return actions


def _encoder(config: ActConfig) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        config.dim, config.n_heads, config.dim_feedforward, config.dropout, batch_first=True
    )
    return nn.TransformerEncoder(layer, config.n_encoder_layers, enable_nested_tensor=False)


# 2,000 epochs over 50 demonstrations, one random window of each an epoch; weight decay 1e-4, no schedule in the paper.
TRAINING = TrainingConfig(
    n_steps=12_500,
    batch_size=8,
    learning_rate=1e-5,
    betas=(0.9, 0.999),
    weight_decay=1e-4,
    ema_power=None,
    warmup_steps=0,
)
BASELINE = Baseline(
    name="act",
    paper="Zhao et al. 2023, Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware, arXiv 2304.13705",
    presets={
        "paper": Preset(ActConfig(), TRAINING),
        "small": Preset(
            ActConfig(
                horizon=16,
                n_action_steps=8,
                dim=128,
                dim_feedforward=512,
                n_heads=4,
                n_encoder_layers=2,
                n_decoder_layers=2,
                dropout=0.0,
                vision_width=16,
            ),
            small_training(TRAINING),
        ),
    },
    build=Act,
    masks_padding=True,
)
