"""Trajectories beside a record: what metrics are functions of, so that a later metric can be computed for them.

One compressed npz file a record, without pickles. Steps of all episodes stand one after the other; `length` divides
them. Actions and positions are float32, as they were sent and observed; rewards and scores are float64, so that metrics
come out as they did. States of the environment and pictures are not kept: the same start seeds and actions give them
again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.files.arrays import read_arrays
from dpbench.files.reading import Kind, read_bytes
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
KINDS = {
    **OF_STEPS,
    "agent_pos": np.float32,
    **dict.fromkeys(("n_action_steps", "start_seed", "sampler_seed", "length"), np.int64),
}
TRAJECTORIES = Kind(DataError, "get the file back, or evaluate again", limit_bytes=2**30)
UNPACKED_LIMIT_BYTES = 2**32
Arrays = Mapping[str, NDArray[Any]]


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


def read_trajectories(
    folder: Path, kept: TrajectoryFile, task: TaskSpec, limit_bytes: int = UNPACKED_LIMIT_BYTES
) -> EpisodeSet:
    """The episodes of a record.

    Args:
        folder: of the record.
        kept: what the record says of its trajectories.
        task: of the record.
        limit_bytes: of its arrays, unpacked.

    Raises:
        DataError: for a file that is missing, is not the one that belongs to the record, or does not hold the
            trajectories of such a task.
    """
    path = folder / kept.file
    content = read_bytes(path, TRAJECTORIES, inside=folder)
    if digest(content) != kept.sha256:
        raise TRAJECTORIES.wrong(path, "its SHA-256 is not the one in the record")
    try:
        arrays = read_arrays(content, KINDS, limit_bytes)
        _check(arrays, task)
        return _unpacked(arrays, task)
    except ValueError as error:
        raise TRAJECTORIES.wrong(path, f"does not hold trajectories ({error})") from error


def _check(arrays: Arrays, task: TaskSpec) -> None:
    """Shapes that fit each other and the task, finite numbers, modes that the task has.

    Raises:
        ValueError: which array is wrong.
    """
    length = arrays["length"]
    if length.ndim != 1 or len(length) == 0 or length.min() < 1 or length.max() > UNPACKED_LIMIT_BYTES:
        raise ValueError("length is not the number of steps of each episode")
    n_episodes, n_steps = len(length), int(length.sum())
    shapes = {name: (n_steps,) for name in OF_STEPS} | {
        "actions": (n_steps, task.action.dim),
        "agent_pos": (n_steps + n_episodes, *arrays["agent_pos"].shape[1:2]),
        "start_seed": (n_episodes,),
        "sampler_seed": (n_episodes,),
        "n_action_steps": (),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
        if arrays[name].dtype.kind == "f" and not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds NaN or infinite numbers")
    if int(arrays["n_action_steps"]) < 1:
        raise ValueError(f"n_action_steps is {arrays['n_action_steps']}, expected 1 or more")
    if arrays["modes"].min() < -1 or arrays["modes"].max() >= max(len(task.modes), 0):
        raise ValueError(f"modes holds numbers of other modes than the {len(task.modes)} of {task.id}")


def _unpacked(arrays: Arrays, task: TaskSpec) -> EpisodeSet:
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
