"""A picture of demonstrations: the agent's paths and the lengths of the episodes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dpbench.data.episodes import EpisodeStore
from dpbench.errors import DataError
from dpbench.files.writing import write_bytes


def save_picture(store: EpisodeStore, path: Path) -> None:
    """Draw the first two coordinates of `agent_pos` of every episode, and a histogram of lengths.

    Raises:
        DataError: for a store without episodes or without `agent_pos`.
    """
    if store.n_episodes == 0:
        raise DataError(f"{store.path} has no episode yet; record or generate some first.")
    positions, ends = store.read("agent_pos"), store.episode_ends
    starts = np.concatenate([[0], ends[:-1]])
    figure = Figure(figsize=(11, 5), layout="constrained")
    paths, lengths = figure.subplots(1, 2)
    for start, end in zip(starts, ends, strict=True):
        paths.plot(positions[start:end, 0], positions[start:end, 1], color="#0072B2", alpha=0.25, linewidth=0.7)
    paths.scatter(*positions[starts, :2].T, s=10, color="#009E73", label="start", zorder=3)
    paths.scatter(*positions[ends - 1, :2].T, s=10, color="#D55E00", label="end", zorder=3)
    paths.set(title=f"agent paths of {store.n_episodes} episodes", xlabel="agent x", ylabel="agent y", aspect="equal")
    paths.invert_yaxis()
    paths.legend(loc="upper right")
    lengths.hist(np.diff(ends, prepend=0), bins=30, color="#0072B2")
    lengths.set(title=f"{store.n_steps} steps", xlabel="episode length, steps", ylabel="episodes")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_bytes(path, buffer.getvalue())
