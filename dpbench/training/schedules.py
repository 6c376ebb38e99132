"""Learning rate and EMA decay as pure functions of the step."""

from __future__ import annotations

import math


def cosine_with_warmup(step: int, warmup_steps: int, n_steps: int) -> float:
    """Factor of the peak learning rate: linear from 0 to 1 over the warm-up, then half a cosine to 0.

    Source: the schedule "cosine" of every Diffusion Policy configuration.
    """
    if step < warmup_steps:
        return step / max(1, warmup_steps)
    progress = (step - warmup_steps) / max(1, n_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def ema_decay(step: int, power: float, max_decay: float = 0.9999) -> float:
    """Decay of the averaged weights after `step` updates: 1 - (1 + step)^-power.

    Source: EMAModel of diffusion_policy, inv_gamma 1, power 0.75, at most 0.9999.
    """
    return min(max_decay, 1 - math.pow(1 + step, -power))
