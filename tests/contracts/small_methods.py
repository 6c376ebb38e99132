"""What the contract tests share: every shipped method in a size that trains in seconds, and a short training loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpbench.data.normalise import Normaliser
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline
from dpbench.policies.learned import LearnedPolicy
from dpbench.policies.method import Batch, Fitted
from dpbench.registry import registry

TINY: dict[str, dict[str, Any]] = {
    "nearest-neighbour": {},
    "mlp-bc": {"width": 64, "depth": 2, "dropout": 0.0},
    # Without a bound on the deviations the sharpest Gaussians drown the gradient of all others.
    "lstm-gmm": {"dim_hidden": 64, "n_layers": 1, "horizon": 8, "min_std": 0.05},
    "ibc": {"width": 64, "depth": 3, "dropout": 0.0, "n_counter_examples": 32, "n_samples": 128, "n_iterations": 3},
    "bet": {"n_bins": 5, "n_layers": 1, "n_heads": 2, "dim": 32, "dropout": 0.0},
    "vq-bet": {
        "n_codes": 8, "dim_code": 16, "dim_hidden": 32, "n_fit_steps": 400, "n_layers": 1, "n_heads": 2, "dim": 32,
        "dropout": 0.0,
    },
    "act": {
        "horizon": 16, "n_action_steps": 8, "dim": 32, "dim_feedforward": 64, "n_heads": 2, "n_encoder_layers": 1,
        "n_decoder_layers": 1, "dropout": 0.0,
    },
    "action-tokens": {"n_bins": 32, "n_layers": 1, "n_heads": 2, "dim": 32, "dropout": 0.0},
    "flow-matching": {"down_dims": (16, 32), "dim_step": 16, "n_layers": 1, "n_heads": 2, "dim": 32},
    "diffusion-cnn": {"down_dims": (16, 32), "dim_step": 16, "sampler": "ddim", "n_inference_steps": 10},
    "diffusion-transformer": {
        "n_layers": 2, "n_heads": 2, "dim": 32, "dropout": 0.0, "sampler": "ddim", "n_inference_steps": 10,
    },
}  # fmt: skip


def learned() -> tuple[str, ...]:
    """Names of the shipped methods that learn."""
    baselines = registry("baseline")
    return tuple(name for name in baselines.names() if isinstance(baselines.load(name), Baseline))


def baseline(name: str) -> Baseline:
    """The registered method."""
    loaded = registry("baseline").load(name)
    assert isinstance(loaded, Baseline)
    return loaded


def tiny_config(name: str, **changes: Any) -> Any:
    """A configuration that trains in seconds, cameras with the narrowest encoder."""
    return replace(baseline(name).presets["small"].config, **{"vision_width": 16, **TINY[name], **changes})


def build(name: str, features: Features, config: Any = None, seed: int = 0) -> Any:
    """The network of a method, with seeded weights."""
    torch.manual_seed(seed)
    return baseline(name).build(config or tiny_config(name), features)


class Windows:
    """A training set of given windows."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    @property
    def actions(self) -> Tensor:
        return self.batch.actions

    def in_batches(self, batch_size: int) -> Any:
        for begin in range(0, len(self.batch.actions), batch_size):
            rows = slice(begin, begin + batch_size)
            yield Batch({key: v[rows] for key, v in self.batch.observations.items()}, self.batch.actions[rows])


def train(method: Any, batch: Batch, n_steps: int, rate: float = 3e-3, size: int = 64) -> float:
    """Fit, then AdamW with a linearly falling rate on random windows; the mean of the last ten losses."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(method, Fitted):
        method.fit(Windows(batch), generator)
    parameters = [parameter for parameter in method.parameters() if parameter.requires_grad]
    if not parameters:
        return 0.0
    method.train()
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    losses = []
    for step in range(n_steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / n_steps)
        rows = torch.randint(len(batch.actions), (size,), generator=generator)
        part = Batch({key: value[rows] for key, value in batch.observations.items()}, batch.actions[rows])
        loss = method.loss(part, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        losses.append(loss.item())
    method.eval()
    return float(np.mean(losses[-10:]))


def policy(method: Any, config: Any, features: Features, micro_batch: int | None = 10) -> LearnedPolicy:
    """A method behind the evaluator's door, with normalisers that change nothing."""
    dims = {key: shape[0] for key, shape in features.observations.items() if not key.startswith("pixels.")}
    dims["action"] = features.dim_action
    identity = {
        key: Normaliser(np.ones(dim, dtype=np.float32), np.zeros(dim, dtype=np.float32)) for key, dim in dims.items()
    }
    return LearnedPolicy(method.eval(), config.window, identity, torch.device("cpu"), micro_batch)
