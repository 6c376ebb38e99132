"""Training windows of Tp steps over episodes, padded by repeating the first and last step (pure index arithmetic).

Source: SequenceSampler of diffusion_policy with pad_before To-1 and pad_after Ta-1 (Horizon owns both).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.spec import Horizon


def are_cumulative(ends: NDArray[np.int64]) -> bool:
    """Whether these are cumulative ends of episodes of at least one step, `(E,)`."""
    # Not by differences: those of hostile numbers overflow.
    return len(ends) == 0 or (ends[0] >= 1 and bool(np.all(ends[1:] > ends[:-1])))


def too_short(episode_ends: NDArray[np.int64], episodes: NDArray[np.int64], horizon: Horizon) -> NDArray[np.int64]:
    """Those of the chosen episodes that give no window, even with their padding, `(S,)`."""
    lengths = np.diff(episode_ends, prepend=0)[episodes]
    return episodes[lengths < shortest(horizon)]


def shortest(horizon: Horizon) -> int:
    """Steps of the shortest episode that gives a window."""
    return horizon.horizon - horizon.pad_before - horizon.pad_after


def window_indices(
    episode_ends: NDArray[np.int64], episodes: NDArray[np.int64], horizon: Horizon, kind: str = "training"
) -> NDArray[np.int64]:
    """Step indices of every window of the chosen episodes.

    A window begins at most To-1 steps before its episode and ends at most Ta-1 steps after it; indices
    outside are clipped to the episode's first or last step. An episode too short for any window, even
    with its padding, gives none: `too_short` finds it.

    Args:
        episode_ends: cumulative ends, `(E,)`.
        episodes: which episodes, `(K,)`.
        horizon: To, Tp, Ta.
        kind: what the episodes are for, `"training"` or `"validation"`; named in messages.

    Returns:
        `(N, Tp)` indices into the concatenated steps.

    Raises:
        DataError: when no episode is chosen, or none is long enough.
    """
    if len(episodes) == 0:
        raise DataError(f"no {kind} episode is left; choose a smaller validation ratio, or record more.")
    starts = np.concatenate([[0], episode_ends[:-1]])
    steps = np.arange(horizon.horizon)
    windows = []
    for episode in episodes:
        first, end = int(starts[episode]), int(episode_ends[episode])
        begin = np.arange(first - horizon.pad_before, end + horizon.pad_after - horizon.horizon + 1)
        windows.append(np.clip(begin[:, None] + steps, first, end - 1))  # (n, Tp)
    indices: NDArray[np.int64] = np.concatenate(windows)
    if len(indices) == 0:
        longest = int(np.diff(episode_ends, prepend=0)[episodes].max())
        remedy = (
            "choose another seed or val_ratio, or a smaller horizon"
            if kind == "validation"
            else "choose a smaller horizon"
        )
        raise DataError(
            f"no {kind} episode is long enough: the longest of {len(episodes)} has {longest} steps, a window of "
            f"horizon = {horizon.horizon} takes {shortest(horizon)}; {remedy}."
        )
    return indices


def real_steps(windows: NDArray[np.int64], episode_ends: NDArray[np.int64], pad_before: int) -> NDArray[np.bool_]:
    """Which steps of windows are their episode's own, `(B, Tp)`; the others repeat its first or its last step.

    Args:
        windows: of `window_indices`, `(B, Tp)`.
        episode_ends: cumulative ends, `(E,)`.
        pad_before: steps of a window that may lie before its episode, To-1.
    """
    repeats = windows[:, 1:] == windows[:, :-1]
    starts = np.concatenate([[0], episode_ends[:-1]])
    alone = np.intersect1d(starts, episode_ends - 1)
    # Before an episode the last of equal steps is real, after it the first.
    before = np.isin(windows, np.setdiff1d(starts, alone))
    real = np.ones(windows.shape, dtype=np.bool_)
    real[:, :-1] &= ~(repeats & before[:, :-1])
    real[:, 1:] &= ~repeats | before[:, 1:]
    # An episode of one step has one window at most, since Ta <= Tp - To + 1: the one that begins To-1 steps before it.
    real[np.isin(windows[:, 0], alone)] = np.arange(windows.shape[1]) == pad_before
    return real


def split_episodes(n_episodes: int, val_ratio: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Episodes for training and for validation, chosen by `seed`.

    At least one episode validates when `val_ratio` > 0 and one at least trains, as in diffusion_policy's
    get_val_mask (`diffusion_policy/common/sampler.py`; its ratio of 0.02 leaves 4 of 206 episodes for validation).

    Raises:
        DataError: for a ratio outside [0, 1), or too few episodes to split.
    """
    if not 0.0 <= val_ratio < 1.0:
        raise DataError(f"val_ratio = {val_ratio}: expected a share from 0 to below 1.")
    if n_episodes < (2 if val_ratio > 0 else 1):
        raise DataError(f"{n_episodes} episodes cannot be split with val_ratio = {val_ratio}; record more.")
    n_val = 0 if val_ratio == 0 else min(max(1, round(n_episodes * val_ratio)), n_episodes - 1)
    order = np.random.default_rng(seed).permutation(n_episodes)
    return np.sort(order[n_val:]), np.sort(order[:n_val])
