"""A recorded episode: what metrics are functions of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Trial:
    """One episode to run.

    Attributes:
        start_seed: decides the start state.
        sampler_seed: together with `start_seed` decides the policy's noise.
    """

    start_seed: int
    sampler_seed: int


@dataclass(frozen=True)
class Episode:
    """What was recorded, T steps.

    Attributes:
        trial: start and sampler seed.
        actions: `(T, Da)` as sent.
        rewards: `(T,)`.
        scores: the task's own measure, `(T,)`.
        successes: `is_success` at every step, `(T,)`.
        agent_pos: `(T + 1, Na)`, the start included.
        environment_state: `(T + 1, Ne)`, None where the task shows pictures only.
        modes: number of the task's mode shown so far, -1 for none yet, `(T,)`; all -1 where the task names none.
        frames: every `frame_stride`-th picture, `(F, H, W, 3)` uint8, or None.
    """

    trial: Trial
    actions: NDArray[np.float32]
    rewards: NDArray[np.float64]
    scores: NDArray[np.float64]
    successes: NDArray[np.bool_]
    agent_pos: NDArray[np.float32]
    environment_state: NDArray[np.float32] | None
    modes: NDArray[np.int64]
    frames: NDArray[np.uint8] | None = None
