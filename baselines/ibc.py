"""Implicit behavioural cloning: an energy over observation and action, minimised at inference.

Source: Florence et al. 2022 (arXiv 2109.00137). Sec. 3 and App. B: InfoNCE with counter-examples drawn uniformly from
the action box, derivative-free optimisation (Algorithm 1), or Langevin dynamics (App. B.3) for counter-examples and
inference. Sizes of the `paper` preset are those of the reproduction in Chi et al. 2023 (`train_ibc_dfo_lowdim`): four
layers of 1024, dropout 0.1, 1024 counter-examples, 5 iterations of 1024 samples with noise of 0.03 that neither shrinks
nor is clamped (3.19 M parameters for Push-T keypoints).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args

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
from dpbench.fields import Count, Layers, Share, Size, Steps
from dpbench.nets.categorical import draw
from dpbench.nets.observations import ObservationEncoder

Optimiser = Literal["dfo", "langevin"]
OPTIMISERS: tuple[Optimiser, ...] = get_args(Optimiser)
POSITIVE_JITTER = 1e-4
LANGEVIN_CLIP = 0.1
"""Largest move a Langevin step, in normalised action units (delta_action_clip of the published code)."""
LANGEVIN_STEP, LANGEVIN_LAST_STEP, LANGEVIN_POWER = 0.1, 1e-5, 2.0
GRADIENT_MARGIN = 1.0

Energy = Callable[[Tensor], Tensor]
"""`(B, N, Ta * Da) actions -> (B, N) energies`."""


@dataclass(frozen=True)
class IbcConfig(ChunkConfig):
    """Defaults are those of Chi et al. 2023.

    Attributes:
        width: of the hidden layers.
        depth: number of hidden layers.
        dropout: after each hidden layer.
        counter_examples: `uniform` or `langevin`.
        n_counter_examples: a training sample.
        sampler: `dfo` (derivative-free) or `langevin`.
        n_samples: candidates at inference.
        n_iterations: of the derivative-free optimisation.
        noise_std: added to resampled candidates, in normalised action units.
        n_langevin_steps: of the Langevin chain.
    """

    n_obs_steps: Steps = 2
    horizon: Steps = 2
    n_action_steps: Steps = 1
    width: Size = 1024
    depth: Layers = 4
    dropout: Share = 0.1
    counter_examples: Literal["uniform", "langevin"] = "uniform"
    n_counter_examples: Count = 1024
    sampler: Optimiser = "dfo"
    n_samples: Count = 1024
    n_iterations: Count = 5
    noise_std: Annotated[float, Ge(0), Le(2)] = 0.03  # actions are in [-1, 1]
    n_langevin_steps: Count = 100


class Ibc(nn.Module):
    """The energy network with its loss and its optimisers."""

    def __init__(self, config: IbcConfig, features: Features) -> None:
        super().__init__()
        self._config = config
        self._shape = (config.n_action_steps, features.dim_action)
        self.encoder = ObservationEncoder(features, config.vision_width)
        # The first layer in two parts: that of the observation is computed once for all candidates.
        self.first_observation = nn.Linear(config.n_obs_steps * self.encoder.dim, config.width)
        self.first_action = nn.Linear(config.n_action_steps * features.dim_action, config.width, bias=False)
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout(config.dropout)]
        for _ in range(config.depth - 1):
            layers += [nn.Linear(config.width, config.width), nn.ReLU(), nn.Dropout(config.dropout)]
        self.rest = nn.Sequential(*layers, nn.Linear(config.width, 1))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """InfoNCE (Eq. 1): the demonstrated action against counter-examples."""
        config = self._config
        actions = batch.actions[:, config.window.executed].flatten(1)  # (B, Ta * Da)
        energy = self._energy(batch.observations)

        def normal(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=generator, device=like.device)

        negatives = torch.rand(
            (len(actions), config.n_counter_examples, actions.shape[1]), generator=generator, device=actions.device
        )
        negatives = 2 * negatives - 1
        penalty = actions.new_zeros(())
        if config.counter_examples == "langevin":
            negatives = langevin(energy, negatives, normal, config.n_langevin_steps)
            penalty = _gradient_penalty(energy, negatives)
        positive = actions + POSITIVE_JITTER * normal(actions)
        energies = energy(torch.cat([positive[:, None], negatives], dim=1)).float()
        target = torch.zeros(len(actions), dtype=torch.long, device=actions.device)
        return F.cross_entropy(-energies, target) + penalty

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        """The executed actions of the best candidate, drawn by softmax; steps before them repeat the first."""
        config = self._config
        energy = self._energy(observations)
        device = self.first_action.weight.device
        n_samples, dim = config.n_samples, self._shape[0] * self._shape[1]
        candidates = 2 * torch.from_numpy(noise.uniform(n_samples, dim)).to(device) - 1
        if config.sampler == "langevin":

            def normal(_: Tensor) -> Tensor:
                return torch.from_numpy(noise.normal(n_samples, dim)).to(device)

            # Gradients for the candidates, inside of the harness's inference mode.
            with torch.inference_mode(False):
                energy = self._energy({key: value.clone() for key, value in observations.items()})
                candidates = langevin(energy, candidates.clone(), normal, config.n_langevin_steps)
        else:
            for _ in range(config.n_iterations - 1):
                chosen = draw(-energy(candidates), torch.from_numpy(noise.uniform(n_samples)).to(device))  # (B, N)
                candidates = candidates.gather(1, chosen[..., None].expand(-1, -1, dim))
                candidates = candidates + config.noise_std * torch.from_numpy(noise.normal(n_samples, dim)).to(device)
        best = draw(-energy(candidates), torch.from_numpy(noise.uniform(1)).to(device))  # (B, 1)
        actions = candidates.gather(1, best[..., None].expand(-1, -1, dim)).view(-1, *self._shape)
        before = actions[:, :1].expand(-1, config.window.executed.start, -1)
        after = actions[:, -1:].expand(-1, config.horizon - config.window.executed.stop, -1)
        return torch.cat([before, actions, after], dim=1)

    def _energy(self, observations: Mapping[str, Tensor]) -> Energy:
        """The energy of actions under these observations, which are encoded once."""
        encoded = self.first_observation(self.encoder(observations).flatten(1))[:, None]  # (B, 1, W)

        def energy(actions: Tensor) -> Tensor:
            values: Tensor = self.rest(encoded + self.first_action(actions))[..., 0]
            return values

        return energy


def langevin(energy: Energy, x: Tensor, normal: Callable[[Tensor], Tensor], n_steps: int) -> Tensor:
    """Langevin dynamics (App. B.3): half a gradient step and noise, clipped, with polynomially decaying step size.

    Args:
        energy: differentiable.
        x: start, `(B, N, D)` in [-1, 1].
        normal: standard normal noise shaped as its argument.
        n_steps: length of the chain.
    """
    x = x.detach()
    for step in range(n_steps):
        share = 1 - step / max(1, n_steps - 1)
        size = (LANGEVIN_STEP - LANGEVIN_LAST_STEP) * share**LANGEVIN_POWER + LANGEVIN_LAST_STEP
        with torch.enable_grad():
            x.requires_grad_(True)
            (gradient,) = torch.autograd.grad(energy(x).sum(), x, retain_graph=True)
        move = (size * (0.5 * gradient + normal(x))).clamp(-LANGEVIN_CLIP, LANGEVIN_CLIP)
        x = (x.detach() - move).clamp(-1.0, 1.0)
    return x


def _gradient_penalty(energy: Energy, x: Tensor) -> Tensor:
    """Keeps the energy smooth enough for Langevin steps (App. B.3.1): max(0, |dE/dx|_inf - margin)^2, averaged."""
    x = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(energy(x).sum(), x, create_graph=True)
    return F.relu(gradient.abs().amax(dim=2) - GRADIENT_MARGIN).square().mean()


@dataclass(frozen=True)
class IbcSampling:
    """How the lowest energy is looked for."""

    sampler: Optimiser = option(f"one of {', '.join(OPTIMISERS)}")
    steps: int = option("iterations of the sampler, 1 or more")

    def __str__(self) -> str:
        return f"{self.sampler} {self.steps}"


def sampling_of(config: IbcConfig) -> IbcSampling:
    """The sampling that a configuration stands for."""
    return IbcSampling(config.sampler, config.n_langevin_steps if config.sampler == "langevin" else config.n_iterations)


def with_sampling(config: IbcConfig, options: Mapping[str, str]) -> IbcConfig:
    """Another sampler or number of iterations, without training again.

    Raises:
        ConfigError: for another option, or a value that does not fit.
    """
    # Each sampler has a number of iterations of its own.
    named = {key: text for key, text in options.items() if key == "sampler"}
    config = replace(config, sampler=read_options(sampling_of(config), named).sampler)
    chosen = read_options(sampling_of(config), options)
    if config.sampler == "langevin":
        return replace(config, n_langevin_steps=chosen.steps)
    return replace(config, n_iterations=chosen.steps)


# 5,000 epochs of about 95 batches.
TRAINING = TrainingConfig(n_steps=475_000, ema_power=None)
BASELINE = Baseline(
    name="ibc",
    paper="Florence et al. 2022, Implicit Behavioral Cloning, arXiv 2109.00137",
    presets={
        "paper": Preset(IbcConfig(), TRAINING),
        "small": Preset(
            IbcConfig(width=256, dropout=0.0, n_counter_examples=64, n_samples=256, n_iterations=3, vision_width=16),
            small_training(TRAINING),
        ),
    },
    build=Ibc,
    sampling=SamplingChoice(
        sampling_of, with_sampling, tuple(IbcSampling("dfo", n_iterations) for n_iterations in (10, 5, 3, 1))
    ),
)
