"""The paper presets have the published numbers of parameters (counted from the published configurations)."""

from __future__ import annotations

import pytest
import torch

from dpbench.nets.features import Features
from dpbench.nets.vision import CameraEncoder
from dpbench.policies.baseline import Baseline
from dpbench.registry import registry

KEYPOINTS = Features({"agent_pos": (2,), "environment_state": (18,)}, dim_action=2)
BLOCK_PUSH = Features({"agent_pos": (4,), "environment_state": (12,)}, dim_action=2)


def count(name: str, features: Features, **changes: object) -> int:
    baseline = registry("baseline").load(name)
    assert isinstance(baseline, Baseline)
    with torch.device("meta"):
        module = baseline.build(type(baseline.presets["paper"].config)(**changes), features)
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "published_millions"),
    [
        ("diffusion-cnn", 65.78),
        ("diffusion-transformer", 8.97),
        ("ibc", 3.19),
        ("bet", 0.26),
        ("lstm-gmm", 1.97),
    ],
)
def test_push_t_from_keypoints(name: str, published_millions: float) -> None:
    assert round(count(name, KEYPOINTS) / 1e6, 2) == published_millions


def test_the_transformer_of_block_push() -> None:
    block_push = count("diffusion-transformer", BLOCK_PUSH, n_obs_steps=3, horizon=5, n_action_steps=1)
    assert round(block_push / 1e6, 2) == 8.96


def test_flow_matching_has_diffusion_policys_networks() -> None:
    for backbone, name in (("cnn", "diffusion-cnn"), ("transformer", "diffusion-transformer")):
        assert count("flow-matching", KEYPOINTS, backbone=backbone) == count(name, KEYPOINTS)


def test_a_camera_encoder_has_11_million() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in CameraEncoder((3, 96, 96), 64).parameters()) == 11_197_088


@pytest.mark.parametrize("name", registry("baseline").names())
def test_every_learned_method_has_a_paper_and_a_small_preset_with_the_same_budget(name: str) -> None:
    loaded = registry("baseline").load(name)
    if not isinstance(loaded, Baseline):
        return
    assert {"paper", "small"} <= set(loaded.presets)
    small = loaded.preset("small").training
    if small.n_steps:  # nearest neighbours are not trained
        assert (small.n_steps, small.batch_size, small.learning_rate) == (10_000, 128, 3e-4)
