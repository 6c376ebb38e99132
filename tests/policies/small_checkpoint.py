"""A checkpoint of a tiny network on Push-T, and what its policy may observe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dpbench.baselines.mlp_bc import BASELINE, MlpBcConfig
from dpbench.data.normalise import Normaliser
from dpbench.nets.features import Features
from dpbench.policies.checkpoint import save_checkpoint
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")
CONFIG = MlpBcConfig(width=16, depth=1)


def normaliser(dim: int) -> Normaliser:
    """Of places in px and, as the third value, an angle in rad."""
    scale, offset = np.array([1 / 256, 1 / 256, 0.3]), np.array([-1, -1, -0.9])
    return Normaliser(scale[:dim].astype(np.float32), offset[:dim].astype(np.float32))


def write(folder: Path, step: int = 10, **changes: Any) -> Path:
    torch.manual_seed(step)
    module = BASELINE.build(CONFIG, Features.from_task(TASK))
    description = {
        "baseline": "mlp-bc", "preset": "small", "task": TASK.id, "seed": 0, "step": step,
        "config": {"width": 16, "depth": 1},
    }  # fmt: skip
    normalisers = {"agent_pos": normaliser(2), "environment_state": normaliser(3), "action": normaliser(2)}
    save_checkpoint(folder, {**description, **changes}, module.state_dict(), normalisers)
    return folder


def observations(n_rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    places, angles = rng.uniform(0, 512, (n_rows, 2, 4)), rng.uniform(0, 6, (n_rows, 2, 1))
    state = np.concatenate([places[..., 2:], angles], axis=-1)
    return {"agent_pos": places[..., :2].astype(np.float32), "environment_state": state.astype(np.float32)}
