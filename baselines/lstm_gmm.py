"""LSTM-GMM (BC-RNN): an LSTM whose output is a mixture of Gaussians over the next action.

Source: Mandlekar et al. 2021 (robomimic, arXiv 2108.03298), Sec. 3.2 and App. D: 2 layers of 400 (1000 with cameras),
sequences of 10, 5 mixtures, softplus standard deviations of at least 1e-4, and the standard deviations all but
switched off in evaluation ("low noise"). Chi et al. 2023 use it with To = Ta = 1 as their LSTM-GMM.

The recurrent state is kept over an episode and reset every `reset_every` steps, since training shows the network no
longer sequences. (robomimic's policy resets after its training length, too.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
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
from dpbench.errors import ConfigError
from dpbench.fields import Layers, Size, Steps
from dpbench.nets.categorical import draw
from dpbench.nets.observations import ObservationEncoder


@dataclass(frozen=True)
class LstmGmmConfig(ChunkConfig):
    """Defaults are the published ones for vector observations.

    Attributes:
        dim_hidden: of the LSTM.
        n_layers: of the LSTM.
        n_modes: Gaussians in the mixture.
        min_std: lower bound of their standard deviations; with `low_noise` the one used in evaluation.
        low_noise: sample with `min_std` instead of the predicted standard deviations.
        reset_every: control steps after which the recurrent state is reset; 0 keeps it to the episode's end.
    """

    n_obs_steps: Steps = 1
    horizon: Steps = 10
    n_action_steps: Steps = 1
    dim_hidden: Size = 400
    n_layers: Layers = 2
    n_modes: Size = 5
    min_std: Annotated[float, Gt(0), Le(1)] = 1e-4
    low_noise: bool = True
    reset_every: Annotated[int, Ge(0), Le(1_000_000)] = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.n_obs_steps, self.n_action_steps) != (1, 1):
            raise ConfigError(
                f"n_obs_steps = {self.n_obs_steps}, n_action_steps = {self.n_action_steps}: lstm-gmm observes and "
                "executes one step at a time, expected 1 and 1."
            )


class LstmGmm(nn.Module):
    """The network with its loss, and its memory: `(B, 2 * n_layers * dim_hidden + 1)`, h, c and the step's number."""

    def __init__(self, config: LstmGmmConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._dim_action = features.dim_action
        self.encoder = ObservationEncoder(features, config.vision_width)
        self.lstm = nn.LSTM(self.encoder.dim, config.dim_hidden, config.n_layers, batch_first=True)
        self.means = nn.Linear(config.dim_hidden, config.n_modes * features.dim_action)
        self.stds = nn.Linear(config.dim_hidden, config.n_modes * features.dim_action)
        self.logits = nn.Linear(config.dim_hidden, config.n_modes)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Negative log likelihood of every action of the window, the state carried along from its first step."""
        hidden, _ = self.lstm(self.encoder(batch.observations))  # (B, Tp, H)
        logits, means, stds = self._mixture(hidden)
        mixture = MixtureSameFamily(Categorical(logits=logits), Independent(Normal(means, stds), 1))
        likelihood: Tensor = mixture.log_prob(batch.actions)  # type: ignore[no-untyped-call]
        return -likelihood.mean()

    def initial_memory(self, n_rows: int) -> Tensor:
        """Zero state, step 0."""
        return torch.zeros(n_rows, 2 * self._config.n_layers * self._config.dim_hidden + 1)

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """The first actions of an episode, `(B, Tp, Da)`."""
        return self.sample_with_memory(observations, noise, self.initial_memory(len(noise)))[0]

    def sample_with_memory(
        self, observations: Mapping[str, Tensor], noise: NoiseStreams, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The next action, repeated over the horizon (only the first is executed), and the memory after it."""
        encoded = self.encoder(observations)  # (B, 1, Do)
        memory = memory.to(encoded)
        steps = memory[:, -1:]
        if self._config.reset_every:
            # The state and its step count are reset together.
            memory = memory * (steps % self._config.reset_every != 0)
        state = memory[:, :-1].view(-1, 2, self._config.n_layers, self._config.dim_hidden)
        h, c = state.permute(1, 2, 0, 3).contiguous().unbind(0)  # (L, B, H) each
        hidden, (h, c) = self.lstm(encoded, (h, c))
        action = self._draw(hidden[:, 0], noise)
        state = torch.stack([h, c]).permute(2, 0, 1, 3).flatten(1)
        return action[:, None].expand(-1, self._config.horizon, -1), torch.cat([state, memory[:, -1:] + 1], dim=1)

    def _draw(self, hidden: Tensor, noise: NoiseStreams) -> Tensor:
        logits, means, stds = self._mixture(hidden)
        mode = draw(logits, torch.from_numpy(noise.uniform(1)).to(logits))  # (B, 1)
        index = mode[..., None].expand(-1, 1, self._dim_action)
        mean, std = means.gather(1, index)[:, 0], stds.gather(1, index)[:, 0]  # (B, Da)
        if self._config.low_noise:
            std = torch.full_like(std, self._config.min_std)
        return mean + std * torch.from_numpy(noise.normal(self._dim_action)).to(mean)

    def _mixture(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`(..., H)` to logits `(..., M)`, means in [-1, 1] and standard deviations `(..., M, Da)`."""
        shape = (*hidden.shape[:-1], self._config.n_modes, self._dim_action)
        means = self.means(hidden).float().tanh().view(shape)
        stds = F.softplus(self.stds(hidden).float()).view(shape) + self._config.min_std
        return self.logits(hidden).float(), means, stds


@dataclass(frozen=True)
class LstmGmmSampling:
    """How long the recurrent state is kept."""

    reset_every: int = option("control steps after which the recurrent state is reset, 0 for never")

    def __str__(self) -> str:
        return "" if self.reset_every == LstmGmmConfig.reset_every else f"reset every {self.reset_every}"


def sampling_of(config: LstmGmmConfig) -> LstmGmmSampling:
    """The sampling that a configuration stands for."""
    return LstmGmmSampling(config.reset_every)


def with_sampling(config: LstmGmmConfig, options: Mapping[str, str]) -> LstmGmmConfig:
    """Another number of steps between resets of the recurrent state, without training again.

    Raises:
        ConfigError: for another option, or a value that does not fit.
    """
    return replace(config, reset_every=read_options(sampling_of(config), options).reset_every)


# 5,000 epochs of about 92 batches, as in the comparison of Chi et al. 2023; Adam.
TRAINING = TrainingConfig(n_steps=460_000, betas=(0.9, 0.999), weight_decay=0.0, ema_power=None)
BASELINE = Baseline(
    name="lstm-gmm",
    paper="Mandlekar et al. 2021, What Matters in Learning from Offline Human Demonstrations, arXiv 2108.03298",
    presets={
        "paper": Preset(LstmGmmConfig(), TRAINING),
        # 3,050 epochs of about 367 batches.
        "paper-image": Preset(LstmGmmConfig(dim_hidden=1000), replace(TRAINING, n_steps=1_120_000, batch_size=64)),
        "small": Preset(LstmGmmConfig(dim_hidden=256, vision_width=16), small_training(TRAINING)),
    },
    build=LstmGmm,
    sampling=SamplingChoice(sampling_of, with_sampling),
    sequence_observations=True,
)
