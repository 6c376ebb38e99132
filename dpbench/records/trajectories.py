"""Trajectories beside a record: what metrics are functions of, so that a later metric can be computed for them.

One compressed npz file a record, without pickles. Steps of all episodes stand one after the other; `length` divides
them. Actions and positions are float32, as they were sent and observed; rewards and scores are float64, so that metrics
come out as they did. States of the environment and pictures are not kept: the same start seeds and actions give them
again.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.metrics.episode import Episode, EpisodeSet, Trial
from dpbench.records.record import TrajectoryFile
from dpbench.spec import TaskSpec

OF_STEPS = {
    "actions": np.float32,
    "rewards": np.float64,
    "scores": np.float64,
    "successes": np.bool_,
    "modes": np.int16,
}
"""Arrays with a row a step; `agent_pos` has one more in each episode."""


def pack(recorded: EpisodeSet) -> bytes:
    """The content of a trajectory file."""
    episodes = recorded.episodes
    steps = {
        name: np.concatenate([getattr(episode, name) for episode in episodes]).astype(kind)
        for name, kind in OF_STEPS.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        n_action_steps=np.int64(recorded.n_action_steps),
        start_seed=np.array([episode.trial.start_seed for episode in episodes], np.int64),
        sampler_seed=np.array([episode.trial.sampler_seed for episode in episodes], np.int64),
        length=np.array([len(episode.rewards) for episode in episodes], np.int64),
        agent_pos=np.concatenate([episode.agent_pos for episode in episodes]).astype(np.float32),
        **steps,
    )
    return buffer.getvalue()


def digest(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def read_trajectories(folder: Path, kept: TrajectoryFile, task: TaskSpec) -> EpisodeSet:
    """The episodes of a record.

    Args:
        folder: of the record.
        kept: what the record says of its trajectories.
        task: of the record.

    Raises:
        DataError: for a file that is missing, or is not the one that belongs to the record.
    """
    path = folder / kept.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: trajectories not read ({error}); get the file back, or evaluate again.") from error
    if digest(content) != kept.sha256:
        raise DataError(f"{path}: its SHA-256 is not the one in the record; get the file back, or evaluate again.")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return _unpacked(arrays, task)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} does not hold trajectories ({error}); evaluate again.") from error


def _unpacked(arrays: Mapping[str, NDArray[np.generic]], task: TaskSpec) -> EpisodeSet:
    lengths = np.asarray(arrays["length"], dtype=np.int64)
    ends = np.cumsum(lengths)[:-1]
    split = {name: np.split(arrays[name], ends) for name in OF_STEPS}
    places = np.split(arrays["agent_pos"], np.cumsum(lengths + 1)[:-1])
    episodes = tuple(
        Episode(
            trial=Trial(int(start), int(sampler)),
            actions=split["actions"][row].astype(np.float32),
            rewards=split["rewards"][row].astype(np.float64),
            scores=split["scores"][row].astype(np.float64),
            successes=split["successes"][row].astype(np.bool_),
            agent_pos=places[row].astype(np.float32),
            environment_state=None,
            modes=split["modes"][row].astype(np.int64),
        )
        for row, (start, sampler) in enumerate(zip(arrays["start_seed"], arrays["sampler_seed"], strict=True))
    )
    return EpisodeSet(task, episodes, int(arrays["n_action_steps"]))
