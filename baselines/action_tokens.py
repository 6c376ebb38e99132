"""Action tokens: each action dimension is one of 256 bins, and bins are predicted one after the other, like words.

Source: RT-2 (Brohan et al. 2023, arXiv 2307.15818), Sec. 3.2, and OpenVLA (Kim et al. 2024, arXiv 2406.09246), Sec.
3.2: 256 uniform bins a dimension, an autoregressive transformer, greedy decoding. Their backbones are vision-language
models of billions of parameters. Here only their representation of actions is compared: the network is a small GPT
(the size of Diffusion Policy's transformer) that predicts chunks, like the other methods. Greedy decoding picks one
mode; `--option temperature=1` draws from the predicted distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    SamplingChoice,
    TrainingConfig,
    option,
    read_options,
    small_training,
)
from dpbench.fields import Layers, Share, Size, Steps
from dpbench.nets.categorical import draw
from dpbench.nets.decay import all_but_matrices
from dpbench.nets.gpt import Gpt, check_heads
from dpbench.nets.observations import ObservationEncoder


@dataclass(frozen=True)
class ActionTokensConfig(ChunkConfig):
    """Bins as published; the transformer has the size of Diffusion Policy's.

    Attributes:
        n_bins: bins of each action dimension.
        n_layers: of the GPT.
        n_heads: of the GPT, a divisor of `dim`.
        dim: of a token.
        dropout: everywhere in the GPT.
        temperature: of the sampling; 0 decodes greedily.
    """

    horizon: Steps = 9
    n_bins: Annotated[int, Ge(2), Le(65_536)] = 256
    n_layers: Layers = 8
    n_heads: Layers = 4
    dim: Size = 256
    dropout: Share = 0.1
    temperature: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.dim, self.n_heads)


class ActionTokens(nn.Module):
    """Observation tokens, then `Tp * Da` action tokens, each predicted from all before it."""

    def __init__(self, config: ActionTokensConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._dim_action = features.dim_action
        self._n_tokens = config.horizon * features.dim_action
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.observation = nn.Linear(self.encoder.dim, config.dim)
        self.token = nn.Embedding(config.n_bins, config.dim)
        nn.init.normal_(self.token.weight, std=0.02)
        self.gpt = Gpt(
            config.n_obs_steps + self._n_tokens - 1, config.n_layers, config.n_heads, config.dim, config.dropout
        )
        self.head = nn.Linear(config.dim, config.n_bins)

    def no_decay(self) -> frozenset[str]:
        """Biases, norms, embeddings, positions and the cameras' encoders."""
        return all_but_matrices(self)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Cross entropy of every action token, given the true ones before it."""
        targets = to_bins(batch.actions, self._config.n_bins).flatten(1)  # (B, Tp * Da)
        tokens = torch.cat([self.observation(self.encoder(batch.observations)), self.token(targets[:, :-1])], dim=1)
        logits = self.head(self.gpt(tokens)[:, self._config.n_obs_steps - 1 :]).float()  # (B, Tp * Da, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """Token by token; observations are encoded once."""
        tokens = self.observation(self.encoder(observations))  # (B, To, dim)
        uniform = torch.from_numpy(noise.uniform(self._n_tokens)).to(tokens)
        chosen: list[Tensor] = []
        for place in range(self._n_tokens):
            logits = self.head(self.gpt(tokens)[:, -1]).float()  # (B, V)
            if self._config.temperature > 0:
                bins = draw(logits / self._config.temperature, uniform[:, place : place + 1])[:, 0]
            else:
                bins = logits.argmax(dim=1)
            chosen.append(bins)
            tokens = torch.cat([tokens, self.token(bins)[:, None]], dim=1)
        actions = from_bins(torch.stack(chosen, dim=1), self._config.n_bins)
        return actions.view(-1, self._config.horizon, self._dim_action)


def to_bins(actions: Tensor, n_bins: int) -> Tensor:
    """`(...)` in [-1, 1] to bin numbers; values outside fall into the first or last bin."""
    return ((actions + 1) / 2 * n_bins).floor().clamp(0, n_bins - 1).long()


def from_bins(bins: Tensor, n_bins: int) -> Tensor:
    """Bin numbers to the middle of their bins, in [-1, 1]."""
    return (bins.float() + 0.5) * 2 / n_bins - 1


@dataclass(frozen=True)
class TokenSampling:
    """How a token is chosen from its predicted distribution."""

    temperature: float = option("of the drawn tokens; 0 takes the likeliest one")

    def __str__(self) -> str:
        return f"temperature {self.temperature:g}" if self.temperature else ""


def sampling_of(config: ActionTokensConfig) -> TokenSampling:
    """The sampling that a configuration stands for."""
    return TokenSampling(config.temperature)


def with_sampling(config: ActionTokensConfig, options: Mapping[str, str]) -> ActionTokensConfig:
    """Another temperature, without training again.

    Raises:
        ConfigError: for another option, or a value that does not fit.
    """
    return replace(config, temperature=read_options(sampling_of(config), options).temperature)


# The papers fine-tune a vision-language model; this is the training of Diffusion Policy's transformer.
TRAINING = TrainingConfig(n_steps=760_000, warmup_steps=1000, betas=(0.9, 0.95), weight_decay=0.1)
BASELINE = Baseline(
    name="action-tokens",
    paper="Brohan et al. 2023, RT-2, arXiv 2307.15818; Kim et al. 2024, OpenVLA, arXiv 2406.09246",
    presets={
        "paper": Preset(ActionTokensConfig(), TRAINING),
        "small": Preset(
            ActionTokensConfig(n_layers=4, dim=128, dropout=0.0, vision_width=16), small_training(TRAINING)
        ),
    },
    build=ActionTokens,
    sampling=SamplingChoice(sampling_of, with_sampling),
)
