"""Transformers are trained without decay of biases, norms, positions and the cameras' encoders."""

from __future__ import annotations

import torch
from torch import nn

from dpbench.nets.decay import all_but_matrices
from dpbench.nets.features import Features
from dpbench.nets.observations import ObservationEncoder


def test_matrices_outside_of_the_observation_encoder_are_decayed() -> None:
    module = nn.ModuleDict(
        {
            "encoder": ObservationEncoder(Features({"pixels.top": (3, 40, 40)}, dim_action=2), vision_width=16),
            "linear": nn.Linear(2, 2),
            "norm": nn.LayerNorm(2),
            "attention": nn.MultiheadAttention(2, 1),
            "token": nn.Embedding(3, 2),
        }
    )
    module.register_parameter("position", nn.Parameter(torch.zeros(1, 3, 2)))
    spared = all_but_matrices(module)
    assert {name for name, _ in module.named_parameters()} - spared == {
        "linear.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
    }
