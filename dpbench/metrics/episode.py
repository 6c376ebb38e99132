"""What metrics are functions of: recorded episodes, and what was sampled beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.spec import TaskSpec


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
        environment_state: `(T + 1, Ne)`, None where the task shows pictures only, or where it was not kept.
        modes: number of the task's mode shown so far, -1 for none yet, `(T,)`; all -1 where the task names none.
        observed_at: step of the observation that each action was computed from, -1 for none, `(T,)`; None where it was
            not kept.
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
    observed_at: NDArray[np.int64] | None = None
    frames: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class ProbedState:
    """Action chunks at one state, beside those of a demonstrator whose distribution is known.

    Attributes:
        policy: N sampled chunks, `(N, Ta, Da)`.
        demonstrator: N chunks of the demonstrator, `(N, Ta, Da)`.
        again: N more of them: what two sets of one distribution differ by.
        policy_distance: distance of each of the policy's chunks to the nearest valid mode, `(N,)`.
        again_distance: the same of `again`, `(N,)`.
        radius: a chunk further than this from every valid mode is invalid, in the unit of the distances.
    """

    policy: NDArray[np.floating[Any]]
    demonstrator: NDArray[np.float64]
    again: NDArray[np.float64]
    policy_distance: NDArray[np.float64]
    again_distance: NDArray[np.float64]
    radius: float


@dataclass(frozen=True)
class EpisodeSet:
    """The episodes of one evaluation.

    Attributes:
        task: that was evaluated in.
        episodes: one a trial.
        n_action_steps: executed steps of a chunk (Ta).
        probes: states at which action chunks were sampled; empty where the demonstrator's distribution is unknown, or
            they were not kept.
    """

    task: TaskSpec
    episodes: tuple[Episode, ...]
    n_action_steps: int
    probes: tuple[ProbedState, ...] = ()

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Start seed of each episode, `(N,)`."""
        return np.array([episode.trial.start_seed for episode in self.episodes], dtype=np.int64)
