"""The noise schedule as arrays.

Source: squared-cosine schedule of Nichol & Dhariwal 2021 (arXiv 2102.09672), Eq. 17, with the limit of
0.999 on beta; T = 100 training steps in every Diffusion Policy configuration (Chi et al. 2023, App. A).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError


@dataclass(frozen=True)
class Schedule:
    """Cumulative signal levels of a diffusion process.

    Attributes:
        alphas_cumprod: product of (1 - beta) up to each step, `(T,)` float64, falling from 1 towards 0.
    """

    alphas_cumprod: NDArray[np.float64]

    @property
    def n_train_steps(self) -> int:
        """Number of diffusion steps in training (T)."""
        return len(self.alphas_cumprod)


def squared_cosine(n_train_steps: int, max_beta: float = 0.999) -> Schedule:
    """The squared-cosine schedule ("squaredcos_cap_v2").

    Raises:
        ConfigError: for fewer than one step.
    """
    if n_train_steps < 1:
        raise ConfigError(f"n_train_steps = {n_train_steps}: a schedule needs at least 1 step.")

    def signal(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [
        min(1 - signal((step + 1) / n_train_steps) / signal(step / n_train_steps), max_beta)
        for step in range(n_train_steps)
    ]
    return Schedule(np.cumprod(1.0 - np.asarray(betas), dtype=np.float64))
