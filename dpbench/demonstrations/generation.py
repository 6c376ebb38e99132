"""Demonstrations from a task's scripted demonstrator: parallel, and resumable from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import EpisodeStore
from dpbench.errors import ConfigError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Policy
from dpbench.policies.runner import PolicyRunner
from dpbench.registry import resolve
from dpbench.spaces import flatten
from dpbench.spec import TaskSpec
from dpbench.tasks import load_task

ATTEMPTS, ATTEMPT_STRIDE = 20, 1_000_000
"""Episode i starts from seed i; where that fails, from i + 1,000,000, i + 2,000,000, ..."""
BATCH = 32
"""Episodes between two writes a worker."""


def generate(
    task: TaskSpec, path: Path, n_episodes: int, n_workers: int, on_done: Callable[[int], object] = lambda _: None
) -> EpisodeStore:
    """Fill a store with successful episodes of the demonstrator, going on where it ends.

    Episode i is a function of its number, so that a killed run that is started again gives the same store.

    Args:
        task: names its demonstrator and the arrays to store.
        path: store, made with the first episodes.
        n_episodes: wanted in all.
        n_workers: processes.
        on_done: called with the number of episodes just stored.

    Raises:
        ConfigError: for a task without a demonstrator, or a start from which it never succeeds.
        DataError: when the store is of another task, or cannot take an episode.
    """
    if task.demonstrator is None:
        raise ConfigError(f"{task.id} has no scripted demonstrator; record by hand: dpbench demos record.")
    store = EpisodeStore.open(path) if path.exists() else None
    first = store.n_episodes if store is not None else 0
    make = partial(demonstrate, task.id)
    with ProcessPoolExecutor(max(1, n_workers), get_context("spawn")) as pool:
        for begin in range(first, n_episodes, BATCH * max(1, n_workers)):
            numbers = range(begin, min(n_episodes, begin + BATCH * max(1, n_workers)))
            for arrays in pool.map(make, numbers, chunksize=8):
                if store is None:
                    shapes = {name: (values.shape[1:], values.dtype.name) for name, values in arrays.items()}
                    store = EpisodeStore.create(path, shapes, {"task": task.id, "source": "scripted demonstrator"})
                store.append(arrays)
                on_done(1)
    if store is None:
        raise ConfigError(f"{n_episodes} episodes: expected at least 1.")
    return store


def demonstrate(task_id: str, number: int) -> Mapping[str, NDArray[Any]]:
    """Episode `number` of a task's demonstrator as arrays of the store, `(T, ...)` each.

    Raises:
        ConfigError: when the demonstrator fails from all of its starts.
    """
    task = load_task(task_id)
    seen = load_task(task.demonstrator_sees or task_id)
    policy: Policy = resolve(task.demonstrator or "")(seen)
    env = gym.make(task_id)
    view = gym.make(seen.id) if seen.id != task_id else None
    try:
        for attempt in range(ATTEMPTS):
            rows = _run(env, view, policy, task, number + attempt * ATTEMPT_STRIDE)
            if rows is not None:
                return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    finally:
        env.close()
        if view is not None:
            view.close()
    raise ConfigError(f"the demonstrator of {task_id} fails from {ATTEMPTS} starts of episode {number}.")


def _run(
    env: gym.Env[Any, Any], view: gym.Env[Any, Any] | None, policy: Policy, task: TaskSpec, seed: int
) -> list[dict[str, NDArray[Any]]] | None:
    """Rows of the store, None when the demonstrator failed; `view` is the environment that it sees, None for `env`."""
    runner = PolicyRunner(policy, NoiseStreams.from_seeds(0, [seed]))
    observation, _ = env.reset(seed=seed)
    seen = view.reset(seed=seed)[0] if view is not None else observation
    rows: list[dict[str, NDArray[Any]]] = []
    active = np.ones(1, dtype=np.bool_)
    while True:
        flat = dict(flatten(observation))
        action = runner.act({key: value[None] for key, value in flatten(seen)}, active)[0].copy()
        rows.append({array: flat.get(key, action) for key, array in task.store_arrays.items()})
        observation, _, terminated, truncated, info = env.step(action)
        seen = view.step(action)[0] if view is not None else observation
        if info["is_success"]:
            return rows
        if terminated or truncated:
            return None
