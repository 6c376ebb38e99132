"""A baseline under test: windows to train on, a short training loop, and the trained network as a policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dpbench.data.normalise import Normaliser
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline
from dpbench.policies.learned import LearnedPolicy
from dpbench.policies.method import Batch, Fitted, as_method
from dpbench.policies.noise import NoiseStreams

VECTORS = Features({"agent_pos": (2,), "environment_state": (3,)}, dim_action=2)
PICTURES = Features({"agent_pos": (2,), "pixels.top": (3, 40, 40)}, dim_action=2)
LEARNING_RATE, BATCH_SIZE = 3e-3, 64


@dataclass(frozen=True)
class Windows:
    """A training set of given windows, as `Fitted.fit` takes it."""

    batch: Batch

    @property
    def actions(self) -> Tensor:
        """`(N, Tp, Da)`."""
        return self.batch.actions

    def in_batches(self, batch_size: int) -> Iterator[Batch]:
        """Every window once, in order."""
        for begin in range(0, len(self.actions), batch_size):
            yield chosen(self.batch, torch.arange(begin, min(begin + batch_size, len(self.actions))))


@dataclass(frozen=True)
class BaselineSubject:
    """A baseline in one configuration.

    Attributes:
        baseline: what is checked.
        config: its configuration.
        n_steps: gradient steps of the check that it can learn.
    """

    baseline: Baseline[Any]
    config: Any
    n_steps: int

    def build(self, features: Features = VECTORS, seed: int = 0) -> nn.Module:
        """The network with weights of a seed, in evaluation mode."""
        torch.manual_seed(seed)
        return self.baseline.build(self.config, features).eval()

    def prepared(self, features: Features = VECTORS, n_rows: int = 6) -> tuple[nn.Module, Batch]:
        """A network after two gradient steps (a method may have to see data before it can act), and its windows."""
        module, batch = self.build(features), self.windows(n_rows, features)
        train(module, batch, 2)
        return module, batch

    def windows(self, n_rows: int, features: Features = VECTORS) -> Batch:
        """Random observations, each with an action of its own that lasts for the window.

        All observed steps of a row are alike: a recurrent method that predicts at every step must not be asked for
        different actions after the same history.
        """
        generator, window = torch.Generator().manual_seed(0), self.config.window
        n_observed = window.horizon if self.baseline.sequence_observations else window.n_obs_steps
        observations = {
            key: (2 * torch.rand((n_rows, 1, *shape), generator=generator) - 1).repeat(1, n_observed, *[1] * len(shape))
            for key, shape in features.observations.items()
        }
        actions = 1.6 * torch.rand((n_rows, 1, features.dim_action), generator=generator) - 0.8
        return Batch(observations, actions.repeat(1, window.horizon, 1))

    def histories(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """What a policy observes at the windows: `(N, To, ...)`."""
        n_obs_steps = self.config.window.n_obs_steps
        return {key: observed(key, value[:, :n_obs_steps].numpy().copy()) for key, value in batch.observations.items()}

    def policy(self, module: nn.Module, features: Features = VECTORS, micro_batch: int | None = 10) -> LearnedPolicy:
        """The network as a policy, with normalisers that change nothing."""
        sizes = {key: shape[0] for key, shape in features.observations.items() if not key.startswith("pixels.")}
        identity = {
            key: Normaliser(np.ones(size, dtype=np.float32), np.zeros(size, dtype=np.float32))
            for key, size in {**sizes, "action": features.dim_action}.items()
        }
        method = as_method(module.eval())
        return LearnedPolicy(method, self.config.window, identity, torch.device("cpu"), micro_batch)

    def act(self, module: nn.Module, batch: Batch, sampler_seed: int = 0) -> NDArray[np.float32]:
        """The chunks `(N, Ta, Da)` of a fresh policy at the windows."""
        noise = NoiseStreams.from_seeds(sampler_seed, range(len(batch.actions)))
        return self.policy(module).act(self.histories(batch), noise)


def observed(key: str, values: NDArray[np.float32]) -> NDArray[Any]:
    """Normalised values as a task observes them: pictures `(..., H, W, 3)` uint8, vectors as they are."""
    if not key.startswith("pixels."):
        return values
    picture: NDArray[np.uint8] = np.moveaxis(127.5 * (values + 1), -3, -1).astype(np.uint8)
    return picture


def chosen(batch: Batch, rows: Tensor) -> Batch:
    """Some rows of a batch."""
    return Batch({key: value[rows] for key, value in batch.observations.items()}, batch.actions[rows])


def train(module: nn.Module, batch: Batch, n_steps: int) -> None:
    """Fit, then AdamW with a linearly falling rate on random windows; the network is in evaluation mode afterwards."""
    method, generator = as_method(module), torch.Generator().manual_seed(0)
    if isinstance(module, Fitted):
        module.fit(Windows(batch), generator)
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        return
    module.train()
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0)
    for step in range(n_steps):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / n_steps)
        rows = torch.randint(len(batch.actions), (BATCH_SIZE,), generator=generator)
        loss = method.loss(chosen(batch, rows), generator)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
    module.eval()
