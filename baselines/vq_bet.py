"""VQ-BeT: a GPT predicts the codes of a residual vector quantiser of action chunks, and an offset.

Source: Lee et al. 2024 (arXiv 2403.03181), Sec. 3; constants as published for Push-T: chunks of 5, two code books of 16
with 256 dimensions, 20,000 quantiser steps at 1e-3, context 5, GPT with 8 layers, 8 heads and 512 dimensions, focal
loss, weights of 5 and 0.5 for the first and second code and 10,000 for the offset, AdamW 5.5e-5.

The quantiser is trained before the first gradient step of the policy (`fit`) and frozen then. Differences: both codes
are drawn independently (the published default), and the GPT predicts the chunk at each observed step, where the code
of LeRobot adds query tokens for later chunks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
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
from dpbench.fields import Count, Layers, Positive, Share, Size, Steps, Weight
from dpbench.nets.categorical import draw, focal_loss
from dpbench.nets.gpt import Gpt, check_heads
from dpbench.nets.observations import ObservationEncoder

N_BOOKS = 2
CODE_WEIGHTS = (5.0, 0.5)
GAMMA = 2.0
COMMITMENT = 0.25
BOOK_DECAY = 0.99
FIT_BATCH, FIT_RATE = 256, 1e-3


@dataclass(frozen=True)
class VqBetConfig(ChunkConfig):
    """Defaults are the published ones for Push-T.

    Attributes:
        n_codes: a code book.
        dim_code: of a code vector.
        dim_hidden: of the quantiser's networks.
        n_fit_steps: gradient steps of the quantiser.
        n_layers: of the GPT.
        n_heads: of the GPT, a divisor of `dim`.
        dim: of a token.
        dropout: everywhere in the GPT.
        offset_weight: of the offset's L1 loss.
        temperature: of the codes' distribution at inference.
    """

    n_obs_steps: Steps = 5
    horizon: Steps = 9
    n_action_steps: Steps = 5
    n_codes: Annotated[int, Ge(1), Le(FIT_BATCH)] = 16  # the first vectors of a book are those of one batch
    dim_code: Size = 256
    dim_hidden: Size = 128
    n_fit_steps: Count = 20_000
    n_layers: Layers = 8
    n_heads: Layers = 8
    dim: Size = 512
    dropout: Share = 0.1
    offset_weight: Weight = 10_000.0
    temperature: Positive = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.dim, self.n_heads)

    @property
    def chunk(self) -> int:
        """Actions predicted at one observed step: Tp - To + 1."""
        return self.horizon - self.n_obs_steps + 1


class ResidualQuantiser(nn.Module):
    """Action chunks as two code numbers: an MLP auto-encoder with residual vector quantisation (Sec. 3.1)."""

    books: Tensor
    counts: Tensor

    def __init__(self, dim_chunk: int, config: VqBetConfig) -> None:
        super().__init__()

        def mlp(dim_in: int, dim_out: int) -> nn.Sequential:
            hidden = config.dim_hidden
            return nn.Sequential(
                nn.Linear(dim_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, dim_out)
            )

        self.encode = mlp(dim_chunk, config.dim_code)
        self.decode = mlp(config.dim_code, dim_chunk)
        self.register_buffer("books", torch.zeros(N_BOOKS, config.n_codes, config.dim_code))
        self.register_buffer("counts", torch.ones(N_BOOKS, config.n_codes))

    def codes(self, chunks: Tensor) -> Tensor:
        """`(..., dim_chunk)` to code numbers `(..., 2)`."""
        return self._quantise(self.encode(chunks))[1]

    def reconstruct(self, codes: Tensor) -> Tensor:
        """Code numbers `(..., 2)` to chunks `(..., dim_chunk)`."""
        vectors = sum(self.books[number][codes[..., number]] for number in range(N_BOOKS))
        chunks: Tensor = self.decode(vectors)
        return chunks

    def fit(self, chunks: Tensor, n_steps: int, generator: torch.Generator) -> None:
        """Train on `(N, dim_chunk)`: L1 reconstruction, commitment, code books as moving averages of their vectors."""
        for parameter in self.parameters():
            parameter.requires_grad_(True)
        optimiser = torch.optim.AdamW(self.parameters(), lr=FIT_RATE)
        for step in range(n_steps):
            rows = torch.randint(len(chunks), (FIT_BATCH,), generator=generator, device=generator.device)
            chunk = chunks[rows.to(chunks.device)]
            latent = self.encode(chunk)
            if step == 0:
                self._start_books(latent.detach(), generator)
            quantised, codes = self._quantise(latent)
            self._move_books(latent.detach(), codes, generator)
            # Straight through: the decoder's gradient goes to the encoder.
            passed = latent + (quantised - latent).detach()
            loss = F.l1_loss(self.decode(passed), chunk) + COMMITMENT * F.mse_loss(latent, quantised.detach())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def _quantise(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        rest, total, codes = latent, torch.zeros_like(latent), []
        for book in self.books:
            code = torch.cdist(rest.flatten(0, -2), book).argmin(dim=1).view(rest.shape[:-1])
            codes.append(code)
            total, rest = total + book[code], rest - book[code]
        return total, torch.stack(codes, dim=-1)

    def _start_books(self, latent: Tensor, generator: torch.Generator) -> None:
        rest = latent
        for book in self.books:
            rows = torch.randperm(len(rest), generator=generator, device=generator.device)[: len(book)]
            book.copy_(rest[rows.to(rest.device)])
            rest = rest - book[torch.cdist(rest, book).argmin(dim=1)]

    def _move_books(self, latent: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """Move each code towards its vectors; a code that is hardly used restarts at a vector of the batch."""
        rest = latent
        for number, book in enumerate(self.books):
            code = codes[:, number]
            counts = torch.bincount(code, minlength=len(book)).to(book)
            sums = torch.zeros_like(book).index_add_(0, code, rest)
            used = counts[:, None] > 0
            moved = torch.where(used, torch.lerp(sums / counts[:, None].clamp(min=1), book, BOOK_DECAY), book)
            self.counts[number].lerp_(counts, 1 - BOOK_DECAY)
            spare = torch.randint(len(rest), (len(book),), generator=generator, device=generator.device)
            dead = self.counts[number][:, None] < 0.05
            rest_before = rest
            rest = rest - book[code]
            book.copy_(torch.where(dead, rest_before[spare.to(rest.device)], moved))
            self.counts[number].masked_fill_(dead[:, 0], 1.0)


class VqBet(nn.Module):
    """The quantiser, the GPT, its loss and its sampling."""

    def __init__(self, config: VqBetConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._dim_action = features.dim_action
        dim_chunk = config.chunk * features.dim_action
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.quantiser = ResidualQuantiser(dim_chunk, config).requires_grad_(False)
        self.observation = nn.Linear(self.encoder.dim, config.dim)
        self.gpt = Gpt(config.n_obs_steps, config.n_layers, config.n_heads, config.dim, config.dropout)
        self.code_head = nn.Linear(config.dim, N_BOOKS * config.n_codes)
        self.offset_head = nn.Linear(config.dim, N_BOOKS * config.n_codes * dim_chunk)

    def fit(self, data: TrainingSet, generator: torch.Generator) -> None:
        """Train the quantiser on the chunks of all windows, and freeze it."""
        chunks = data.actions[:, self._config.n_obs_steps - 1 :].flatten(1)
        self.quantiser.fit(chunks, self._config.n_fit_steps, generator)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Focal loss of both codes and L1 of the chunk (Eq. 5-7), at every observed step."""
        config = self._config
        # (B, To, chunk, Da): the chunk that begins at each observed step
        chunks = batch.actions.unfold(1, config.chunk, 1).transpose(2, 3).flatten(2)
        logits, offsets = self._predict(batch.observations)
        with torch.no_grad():
            codes = self.quantiser.codes(chunks)  # (B, To, 2)
            rough = self.quantiser.reconstruct(codes)
        loss = config.offset_weight * F.l1_loss(rough + _at_codes(offsets, codes), chunks)
        for number, weight in enumerate(CODE_WEIGHTS):
            loss = loss + weight * focal_loss(logits[:, :, number], codes[..., number], GAMMA)
        return loss

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """Codes drawn at the last observed step, decoded and corrected; earlier steps repeat the first action."""
        config = self._config
        logits, offsets = self._predict(observations)
        uniform = torch.from_numpy(noise.uniform(N_BOOKS, 1)).to(logits)
        codes = draw(logits[:, -1] / config.temperature, uniform)[..., 0]  # (B, 2)
        chunk = self.quantiser.reconstruct(codes) + _at_codes(offsets[:, -1:], codes[:, None])[:, 0]
        actions = chunk.view(-1, config.chunk, self._dim_action)
        before = actions[:, :1].expand(-1, config.n_obs_steps - 1, -1)
        return torch.cat([before, actions], dim=1)

    def _predict(self, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits `(B, To, 2, V)` and offsets `(B, To, 2, V, dim_chunk)`."""
        hidden = self.gpt(self.observation(self.encoder(observations)))
        logits = self.code_head(hidden).float().unflatten(2, (N_BOOKS, self._config.n_codes))
        offsets = self.offset_head(hidden).float().unflatten(2, (N_BOOKS, self._config.n_codes, -1))
        return logits, offsets


def _at_codes(offsets: Tensor, codes: Tensor) -> Tensor:
    """The sum of both books' offsets at their codes: `(B, T, 2, V, D)`, `(B, T, 2)` to `(B, T, D)`."""
    index = codes[..., None, None].expand(*codes.shape, 1, offsets.shape[-1])
    return offsets.gather(3, index)[:, :, :, 0].sum(dim=2)


TRAINING = TrainingConfig(
    n_steps=250_000,  # the length of LeRobot's Push-T run
    batch_size=64,
    learning_rate=5.5e-5,
    betas=(0.9, 0.999),
    weight_decay=2e-4,
    ema_power=None,
)
BASELINE = Baseline(
    name="vq-bet",
    paper="Lee et al. 2024, Behavior Generation with Latent Actions, arXiv 2403.03181",
    presets={
        "paper": Preset(VqBetConfig(), TRAINING),
        "small": Preset(
            VqBetConfig(dim_code=64, n_fit_steps=2_000, n_layers=4, n_heads=4, dim=128, dropout=0.0, vision_width=16),
            small_training(TRAINING),
        ),
    },
    build=VqBet,
)
