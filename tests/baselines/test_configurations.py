"""A configuration that is accepted works: the network is built, takes a gradient step, and samples finite actions."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from dpbench.errors import ConfigError
from dpbench.nets.features import Features
from dpbench.policies.baseline import Baseline, Preset
from dpbench.policies.method import Batch, Fitted, as_method
from dpbench.policies.noise import NoiseStreams
from dpbench.registry import registry
from dpbench.training.run import with_overrides

LEARNED = [name for name in registry("baseline").names() if isinstance(registry("baseline").load(name), Baseline)]
FEATURES = Features({"agent_pos": (2,), "environment_state": (5,)}, 2)
N_TRIED, N_BUILT = 400, 10
WHOLE = (-1, 0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 24, 32, 48)
NUMBERS = (-1.0, 0.0, 1e-300, 1e-30, 0.01, 0.5, 0.999999, 1.0, 1.5, 10.0, 1e20)
TEXTS = ("transformer", "cnn", "heun", "euler", "ddim", "ddpm", "v", "sample", "langevin", "dfo", "uniform", "none")
COSTLY = {"n_fit_steps": (0, 1, 2), "n_iterations": (0, 1, 2), "n_langevin_steps": (0, 1, 2)}
"""Loops that may be longer than a test has time for."""


def overrides(preset: Preset[Any], rng: random.Random) -> dict[str, Any]:
    """Other values for some fields, right and wrong ones."""
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(preset.config):
        value = getattr(preset.config, field.name)
        if field.name in COSTLY:
            chosen[field.name] = rng.choice(COSTLY[field.name])
        elif rng.random() < 0.3:
            if isinstance(value, tuple):
                chosen[field.name] = [rng.choice((8, 16, 24, 7, 0)) for _ in range(rng.randint(0, 4))]
            else:
                kinds: dict[type, tuple[Any, ...]] = {bool: (True, False), int: WHOLE, float: NUMBERS, str: TEXTS}
                chosen[field.name] = rng.choice(kinds[type(value)])
    return chosen


@dataclasses.dataclass(frozen=True)
class MadeUp:
    """Training windows."""

    actions: Tensor
    observations: dict[str, Tensor]

    def in_batches(self, batch_size: int) -> Iterator[Batch]:  # noqa: ARG002
        """All at once."""
        yield Batch(self.observations, self.actions)


def try_out(baseline: Baseline[Any], config: Any) -> None:
    """Build, fit, take a step, sample."""
    torch.manual_seed(0)
    module = baseline.build(config, FEATURES)
    method = as_method(module)
    n_seen = config.horizon if baseline.sequence_observations else config.n_obs_steps
    data = MadeUp(
        torch.rand(64, config.horizon, 2) * 2 - 1,
        {key: torch.rand(64, n_seen, *shape) for key, shape in FEATURES.observations.items()},
    )
    if isinstance(module, Fitted):
        module.fit(data, torch.Generator().manual_seed(0))
    batch = Batch({key: value[:2] for key, value in data.observations.items()}, data.actions[:2])
    loss = method.loss(batch, torch.Generator().manual_seed(0))
    assert torch.isfinite(loss)
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    module.eval()
    with torch.inference_mode():
        seen = {key: value[:, : config.n_obs_steps] for key, value in batch.observations.items()}
        actions = method.sample(seen, NoiseStreams.from_seeds(0, [0, 1]))
    assert actions.shape == (2, config.horizon, 2)
    assert torch.isfinite(actions).all()


@pytest.mark.parametrize("name", LEARNED)
def test_a_configuration_that_is_accepted_works(name: str) -> None:
    baseline = registry("baseline").load_as(name, Baseline)
    preset, rng = baseline.preset("small"), random.Random(name)
    n_tried = n_built = 0
    while n_tried < N_TRIED and n_built < N_BUILT:
        n_tried += 1
        try:
            changed = with_overrides(preset, overrides(preset, rng))
        except ConfigError:
            continue
        try_out(baseline, changed.config)
        n_built += 1
    print(f"{name}: {n_tried} configurations, {n_tried - n_built} refused, {n_built} tried out")
    assert n_built >= 5
