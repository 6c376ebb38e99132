"""ConditionalUnet1D: a temporal U-Net over the action sequence, conditioned by FiLM.

Source: Chi et al. 2023 (arXiv 2303.04137), Sec. 3.1 and Tab. 7, after Janner et al. 2022; FiLM with scale and
bias, Perez et al. 2018. Blocks, sizes and initialisation are those of the published code (65.8 M parameters with
down_dims 256, 512, 1024, for 20 observed and 2 commanded numbers).

Difference: tensors are `(B, T, C)` and a convolution is one matrix product over shifted copies. The function is
the same (tests hold it to torch.nn.Conv1d); on a CPU with bfloat16 matrix units a training step of the small
preset takes half the time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le, MaxLen, MinLen, MultipleOf
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own alias

from dpbench.errors import ConfigError

N_GROUPS = 8
Channels = Annotated[tuple[Annotated[int, Ge(N_GROUPS), Le(16_384), MultipleOf(N_GROUPS)], ...], MinLen(1), MaxLen(12)]
"""Of each level, in groups for the normalisation."""
Frequencies = Annotated[int, Ge(4), Le(16_384), MultipleOf(2)]
"""Size of a step's embedding: as many sines as cosines, two of each at least."""
Kernel = Annotated[int, Ge(1), Le(99)]


class TimeConv(nn.Conv1d):
    """torch.nn.Conv1d on `(B, T, C)`, odd kernel, padded to keep T (or to halve it with stride 2)."""

    def __init__(self, dim_in: int, dim_out: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(dim_in, dim_out, kernel_size, stride=stride, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T, C_in) -> (B, T / stride, C_out)`."""
        kernel_size, stride, length = self.kernel_size[0], self.stride[0], x.shape[1]
        if kernel_size > 1:
            padded = F.pad(x, (0, 0, kernel_size // 2, kernel_size // 2))
            # (B, T, C) -> (B, T / stride, k * C)
            x = torch.cat([padded[:, shift : shift + length : stride] for shift in range(kernel_size)], dim=2)
        # (C_out, C_in, k) -> (C_out, k * C_in)
        return F.linear(x, self.weight.transpose(1, 2).flatten(1), self.bias)


class TimeUpsample(nn.ConvTranspose1d):
    """torch.nn.ConvTranspose1d(C, C, 4, stride 2, padding 1) on `(B, T, C)`."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, dim, 4, stride=2, padding=1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002  # torch's signature
        """`(B, T, C) -> (B, 2 T, C)`: even and odd outputs each see two neighbours."""
        padded = F.pad(x, (0, 0, 1, 1))
        weight = self.weight  # (C_in, C_out, 4)
        even = F.linear(
            torch.cat([padded[:, :-2], x], dim=2), torch.cat([weight[:, :, 3], weight[:, :, 1]]).t(), self.bias
        )
        odd = F.linear(
            torch.cat([x, padded[:, 2:]], dim=2), torch.cat([weight[:, :, 2], weight[:, :, 0]]).t(), self.bias
        )
        return torch.stack([even, odd], dim=2).flatten(1, 2)


class TimeGroupNorm(nn.GroupNorm):
    """torch.nn.GroupNorm on `(B, T, C)`, in float32."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T, C) -> (B, T, C)`."""
        groups = x.reshape(*x.shape[:2], self.num_groups, -1).float()  # (B, T, G, C / G)
        variance, mean = torch.var_mean(groups, dim=(1, 3), keepdim=True, correction=0)
        normal = ((groups - mean) * torch.rsqrt(variance + self.eps)).flatten(2)
        scaled: Tensor = normal * self.weight + self.bias
        return scaled.to(x.dtype)


class ConvBlock(nn.Module):
    """Convolution, group normalisation, Mish."""

    def __init__(self, dim_in: int, dim_out: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = TimeConv(dim_in, dim_out, kernel_size)
        self.norm = TimeGroupNorm(N_GROUPS, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T, C_in) -> (B, T, C_out)`."""
        return F.mish(self.norm(self.conv(x)))


class ResidualBlock(nn.Module):
    """Two convolution blocks with FiLM between them (scale and bias from the conditioning) and a shortcut."""

    def __init__(self, dim_in: int, dim_out: int, dim_condition: int, kernel_size: int) -> None:
        super().__init__()
        self.first = ConvBlock(dim_in, dim_out, kernel_size)
        self.second = ConvBlock(dim_out, dim_out, kernel_size)
        self.film = nn.Linear(dim_condition, 2 * dim_out)
        self.shortcut = TimeConv(dim_in, dim_out, 1) if dim_in != dim_out else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`(B, T, C_in)`, `(B, Dc)` after Mish `-> (B, T, C_out)`."""
        scale, bias = self.film(condition)[:, None].chunk(2, dim=2)  # (B, 1, C_out) each
        hidden: Tensor = self.second(self.first(x) * scale + bias) + self.shortcut(x)
        return hidden


class StepEmbedding(nn.Module):
    """Sinusoidal embedding of the diffusion step, then a two-layer MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        half = dim // 2
        self.register_buffer(
            "frequencies", torch.exp(torch.arange(half) * (-math.log(10000.0) / (half - 1))), persistent=False
        )
        self.frequencies: Tensor
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.Mish(), nn.Linear(4 * dim, dim))

    def forward(self, steps: Tensor) -> Tensor:
        """`(B,)` diffusion steps `-> (B, dim)`."""
        angles = steps[:, None].float() * self.frequencies
        embedding: Tensor = self.mlp(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedding


class ConditionalUnet1D(nn.Module):
    """Predicts the noise (or the velocity) of an action sequence.

    Args:
        dim_action: action dimensions (Da).
        dim_condition: length of the observation vector (To * Do).
        down_dims: channels a level; T is halved between levels.
        dim_step: size of the step embedding.
        kernel_size: of every convolution in the blocks.
    """

    def __init__(
        self, dim_action: int, dim_condition: int, down_dims: Sequence[int], dim_step: int, kernel_size: int
    ) -> None:
        super().__init__()
        dim_film = dim_step + dim_condition

        def block(dim_in: int, dim_out: int) -> ResidualBlock:
            return ResidualBlock(dim_in, dim_out, dim_film, kernel_size)

        self.step_embedding = StepEmbedding(dim_step)
        dims = [dim_action, *down_dims]
        self.down = nn.ModuleList(
            nn.ModuleList([block(dim_in, dim_out), block(dim_out, dim_out)])
            for dim_in, dim_out in itertools.pairwise(dims)
        )
        self.downsample = nn.ModuleList(TimeConv(dim, dim, 3, stride=2) for dim in down_dims[:-1])
        self.middle = nn.ModuleList([block(down_dims[-1], down_dims[-1]) for _ in range(2)])
        upward = list(zip(down_dims[:0:-1], down_dims[-2::-1], strict=True))
        self.up = nn.ModuleList(
            nn.ModuleList([block(2 * dim_in, dim_out), block(dim_out, dim_out)]) for dim_in, dim_out in upward
        )
        self.upsample = nn.ModuleList(TimeUpsample(dim_out) for _, dim_out in upward)
        self.last = ConvBlock(down_dims[0], down_dims[0], kernel_size)
        self.out = TimeConv(down_dims[0], dim_action, 1)

    def forward(self, x: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        """`(B, Tp, Da)` noisy actions, `(B,)` steps, `(B, To, Do)` observations `-> (B, Tp, Da)`."""
        condition = F.mish(torch.cat([self.step_embedding(steps), condition.flatten(1)], dim=1))
        skips: list[Tensor] = []
        down: Any = self.down  # lists of pairs, which the types of ModuleList cannot say
        for level, (first, second) in enumerate(down):
            x = second(first(x, condition), condition)
            skips.append(x)
            if level < len(self.downsample):
                x = self.downsample[level](x)
        for block in self.middle:
            x = block(x, condition)
        up: Any = self.up
        for (first, second), upsample in zip(up, self.upsample, strict=True):
            x = upsample(second(first(torch.cat([x, skips.pop()], dim=2), condition), condition))
        noise: Tensor = self.out(self.last(x))
        return noise


def check_horizon(horizon: int, down_dims: Sequence[int], kernel_size: int) -> None:
    """Raise ConfigError for a horizon that cannot be halved between the levels, or an even kernel."""
    factor = 2 ** (len(down_dims) - 1)
    if horizon % factor:
        raise ConfigError(
            f"horizon = {horizon} cannot be halved {len(down_dims) - 1} times for down_dims = {tuple(down_dims)}: "
            f"choose a multiple of {factor}."
        )
    if kernel_size % 2 == 0:
        raise ConfigError(f"kernel_size = {kernel_size} must be odd, so that the horizon keeps its length.")
