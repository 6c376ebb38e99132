"""Every shipped method in a size that trains in seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dpbench.checks.baseline_subject import BaselineSubject
from dpbench.policies.baseline import Baseline
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
N_STEPS = {
    "ibc": 1200,
    "lstm-gmm": 1000,
    "diffusion-cnn": 900,
    "flow-matching": 900,
    "diffusion-transformer": 1500,
    "act": 1000,
    "vq-bet": 1500,
}
"""Gradient steps within which a method learns five windows by heart; 500 for the others."""


def learned() -> tuple[str, ...]:
    """Names of the shipped methods that learn."""
    baselines = registry("baseline")
    return tuple(name for name in baselines.names() if isinstance(baselines.load(name), Baseline))


def subject(name: str, **changes: Any) -> BaselineSubject:
    """The method in a configuration that trains in seconds, cameras with the narrowest encoder."""
    baseline = registry("baseline").load(name)
    assert isinstance(baseline, Baseline)
    config = replace(baseline.presets["small"].config, **{"vision_width": 16, **TINY[name], **changes})
    return BaselineSubject(baseline, config, N_STEPS.get(name, 500))
