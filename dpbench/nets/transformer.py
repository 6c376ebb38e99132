"""TransformerForDiffusion: a decoder over action tokens that attends to the step and the observations.

Source: Chi et al. 2023 (arXiv 2303.04137), Sec. 3.1 and Tab. 8, with the details of the published code: memory
tokens are the diffusion step and To observations, passed through a two-layer Mish MLP; pre-norm, GELU, feed-forward
of 4 x; learned positions; action t attends to actions up to t and to observations up to t (8.97 M parameters with 8
layers of 256, for 20 observed and 2 commanded numbers).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dpbench.nets.gpt import INIT_STD, initialise


class ConditionalTransformer(nn.Module):
    """Predicts the noise (or the velocity) of an action sequence.

    Args:
        dim_action: action dimensions (Da).
        dim_condition: length of one step's observation (Do).
        n_obs_steps: observed steps (To).
        horizon: predicted steps (Tp).
        n_layers: decoder layers.
        n_heads: attention heads, a divisor of `dim`.
        dim: size of a token.
        dropout: in attention and feed-forward layers.
    """

    causal: Tensor
    memory_mask: Tensor
    frequencies: Tensor

    def __init__(
        self,
        dim_action: int,
        dim_condition: int,
        n_obs_steps: int,
        horizon: int,
        n_layers: int,
        n_heads: int,
        dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.action = nn.Linear(dim_action, dim)
        self.action_position = nn.Parameter(torch.empty(1, horizon, dim))
        self.observation = nn.Linear(dim_condition, dim)
        self.memory_position = nn.Parameter(torch.empty(1, 1 + n_obs_steps, dim))
        self.memory = nn.Sequential(nn.Linear(dim, 4 * dim), nn.Mish(), nn.Linear(4 * dim, dim))
        layer = nn.TransformerDecoderLayer(
            dim, n_heads, 4 * dim, dropout, "gelu", batch_first=True, norm_first=True
        )  # fmt: skip
        self.decoder = nn.TransformerDecoder(layer, n_layers)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, dim_action)
        half = dim // 2
        actions, memories = torch.arange(horizon)[:, None], torch.arange(1 + n_obs_steps)[None]
        buffers = {
            "frequencies": torch.exp(torch.arange(half) * (-math.log(10000.0) / (half - 1))),
            "causal": torch.arange(horizon)[None] > actions,  # True where attention is forbidden
            # Memory 0 is the step, seen by all; memory s is observation s - 1, seen from action s - 1 on.
            "memory_mask": memories - 1 > actions,
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        self.apply(initialise)
        for position in (self.action_position, self.memory_position):
            nn.init.normal_(position, std=INIT_STD)

    def forward(self, x: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        """`(B, Tp, Da)` noisy actions, `(B,)` steps, `(B, To, Do)` observations `-> (B, Tp, Da)`."""
        angles = steps[:, None].float() * self.frequencies
        step = torch.cat([angles.sin(), angles.cos()], dim=1)[:, None]  # (B, 1, dim)
        tokens = torch.cat([step, self.observation(condition)], dim=1)  # (B, 1 + To, dim)
        memory = self.memory(tokens + self.memory_position)
        hidden = self.decoder(
            self.action(x) + self.action_position,
            memory,
            tgt_mask=self.causal,
            memory_mask=self.memory_mask,
            tgt_is_causal=True,
        )
        predicted: Tensor = self.out(self.norm(hidden))
        return predicted
