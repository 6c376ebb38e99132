"""What fills a chunk of ACT up beyond its episode has no influence on training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dpbench.baselines.act import BASELINE, Act, ActConfig
from dpbench.data.windows import real_steps, window_indices
from dpbench.nets.features import Features
from dpbench.policies.method import Batch
from dpbench.registry import registry
from dpbench.spec import Horizon

CONFIG = ActConfig(
    horizon=6, n_action_steps=6, dim=16, dim_feedforward=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1,
    dropout=0.0, dim_latent=4,
)  # fmt: skip
FEATURES = Features({"agent_pos": (2,)}, 3)


def windows(real: Tensor | None) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        {"agent_pos": torch.rand(4, 1, 2, generator=generator)}, torch.rand(4, 6, 3, generator=generator), real
    )


def trained_on(batch: Batch) -> tuple[Tensor, list[Tensor]]:
    """Loss and gradients of a network that is always the same."""
    torch.manual_seed(0)
    module = Act(CONFIG, FEATURES)
    loss = module.loss(batch, torch.Generator().manual_seed(1))
    loss.backward()
    return loss.detach(), [parameter.grad for parameter in module.parameters() if parameter.grad is not None]


def ends_after(*lengths: int) -> Tensor:
    return torch.arange(6)[None] < torch.tensor(lengths)[:, None]


def test_padding_changes_neither_loss_nor_gradients() -> None:
    real = ends_after(6, 4, 1, 2)
    batch = windows(real)
    other = replace(batch, actions=torch.where(real[:, :, None], batch.actions, torch.full((), 0.77)))
    assert not torch.equal(batch.actions, other.actions)
    (loss, gradients), (other_loss, other_gradients) = trained_on(batch), trained_on(other)
    assert torch.equal(loss, other_loss)
    assert all(torch.equal(one, two) for one, two in zip(gradients, other_gradients, strict=True))


def test_without_the_mask_padding_would_count() -> None:
    batch = windows(None)
    other = replace(batch, actions=torch.where(ends_after(6, 4, 1, 2)[:, :, None], batch.actions, torch.full((), 0.77)))
    assert not torch.equal(trained_on(batch)[0], trained_on(other)[0])


def test_a_mask_of_real_actions_alone_gives_the_loss_without_one() -> None:
    torch.testing.assert_close(trained_on(windows(ends_after(6, 6, 6, 6)))[0], trained_on(windows(None))[0])


def test_the_mean_is_over_the_whole_chunk_as_published() -> None:
    """With a KL weight of zero, a window with a third of real actions has a third of their mean error."""
    torch.manual_seed(0)
    module = Act(replace(CONFIG, kl_weight=0.0), FEATURES)
    real = ends_after(2, 2, 2, 2)
    batch = windows(real)
    loss = module.loss(batch, torch.Generator().manual_seed(1))
    short = replace(batch, actions=torch.where(real[:, :, None], batch.actions, torch.zeros(())))
    torch.testing.assert_close(module.loss(short, torch.Generator().manual_seed(1)), loss)
    with torch.no_grad():
        module.out.weight.zero_()
        module.out.bias.fill_(10.0)
        error = module.loss(batch, torch.Generator().manual_seed(1))
    torch.testing.assert_close(error, (10.0 - batch.actions[:, :2]).mean() / 3)


@pytest.mark.parametrize(("length", "share"), [(124, 0.399), (300, 0.165)])
def test_the_share_of_padding_that_the_mask_leaves_out(length: int, share: float) -> None:
    """Of the `paper` preset; the first number is that of episodes of 124 steps in the class docstring."""
    config = BASELINE.presets["paper"].config
    ends = np.array([length, 2 * length])
    real = real_steps(window_indices(ends, np.arange(2), config.window), ends, config.window.pad_before)
    assert 1 - real.mean() == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize(
    "horizon",
    [Horizon(1, 6, 6), Horizon(2, 6, 5), Horizon(3, 4, 2), Horizon(2, 2, 1), Horizon(3, 3, 1), Horizon(2, 4, 3)],
    ids=str,
)
def test_the_mask_is_true_where_no_index_was_clipped(horizon: Horizon) -> None:
    lengths = np.array([5, 1, 2, 9, 4, 1, 7])
    ends = np.cumsum(lengths)
    for episode, end in enumerate(ends):
        first = end - lengths[episode]
        try:
            found = window_indices(ends, np.array([episode]), horizon)
        except Exception:  # too short for a window
            continue
        begin = np.arange(first - horizon.pad_before, end + horizon.pad_after - horizon.horizon + 1)
        steps = begin[:, None] + np.arange(horizon.horizon)
        wanted = (steps >= first) & (steps < end)
        assert np.array_equal(real_steps(found, ends, horizon.pad_before), wanted)


def test_only_methods_that_ask_get_the_mask() -> None:
    asking = {
        name
        for name in registry("baseline").names()
        if getattr(registry("baseline").load(name), "masks_padding", False)
    }
    assert asking == {"act"}
