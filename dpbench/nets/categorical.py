"""Draws from categorical distributions, and the focal loss of policies that predict bins."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # torch's own alias


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Inverse transform sampling.

    Args:
        logits: unnormalised, `(..., K)`.
        uniform: in [0, 1), `(..., n)` for n draws from each.

    Returns:
        Class numbers, `(..., n)`.
    """
    cumulative = logits.double().softmax(dim=-1).cumsum(dim=-1)
    drawn = torch.searchsorted(cumulative, uniform.double(), right=True)
    return drawn.clamp(max=logits.shape[-1] - 1)  # rounding may leave the last bound slightly below 1


def focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Cross entropy weighted by (1 - p)^gamma (Lin et al. 2017, arXiv 1708.02002, Eq. 4), averaged.

    Args:
        logits: `(..., K)`.
        targets: class numbers, `(...)`.
        gamma: 0 is cross entropy.
    """
    cross_entropy = F.cross_entropy(logits.flatten(0, -2).float(), targets.flatten(), reduction="none")
    return ((1 - torch.exp(-cross_entropy)) ** gamma * cross_entropy).mean()
