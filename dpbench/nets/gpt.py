"""minGPT: a causal transformer over tokens that are vectors already.

Source: Karpathy's minGPT, the trunk of Shafiullah et al. 2022 (arXiv 2206.11251) and Lee et al. 2024
(arXiv 2403.03181): pre-norm blocks, GELU, feed-forward of 4 x, learned positions, N(0, 0.02).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dpbench.errors import ConfigError

INIT_STD = 0.02


class Gpt(nn.Module):
    """Causal attention over at most `n_tokens` tokens.

    Args:
        n_tokens: longest sequence.
        n_layers: blocks.
        n_heads: attention heads, a divisor of `dim`.
        dim: size of a token.
        dropout: of embeddings, attention and feed-forward layers.
    """

    causal: Tensor

    def __init__(self, n_tokens: int, n_layers: int, n_heads: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, n_tokens, dim))
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            dim, n_heads, 4 * dim, dropout, "gelu", batch_first=True, norm_first=True
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool).triu(1)  # True where attention is forbidden
        self.register_buffer("causal", mask, persistent=False)
        self.apply(initialise)
        nn.init.normal_(self.position, std=INIT_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        """`(B, T, dim)` to `(B, T, dim)`; place t depends on tokens up to t."""
        length = tokens.shape[1]
        hidden = self.dropout(tokens + self.position[:, :length])
        normal: Tensor = self.norm(self.blocks(hidden, mask=self.causal[:length, :length]))
        return normal


def check_heads(dim: int, n_heads: int) -> None:
    """Raise ConfigError when `dim` is not a multiple of `n_heads`."""
    if dim % n_heads:
        raise ConfigError(f"dim = {dim} is not a multiple of n_heads = {n_heads}: choose a divisor.")


def initialise(module: nn.Module) -> None:
    """For `Module.apply`: N(0, 0.02) for the weights of linear and attention layers, zero for their biases."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.MultiheadAttention):
        nn.init.normal_(module.in_proj_weight, std=INIT_STD)
        nn.init.zeros_(module.in_proj_bias)
