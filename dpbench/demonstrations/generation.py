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
from dpbench.evaluation.stepping import Act, Step, policy_of_one, steps, stored_actions
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.runner import PolicyRunner
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
    scripted_demonstrator(task)
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
    script = scripted_demonstrator(task)
    demonstrator_task = load_task(script.acts_on or task_id)
    policy = script.policy(demonstrator_task)
    env = gym.make(demonstrator_task.id)
    shown = gym.make(task_id) if task_id != demonstrator_task.id else None
    try:
        for attempt in range(ATTEMPTS):
            seed = number + attempt * ATTEMPT_STRIDE
            runner = PolicyRunner(policy, NoiseStreams.from_seeds(0, [seed]))
            episode = _successful_episode(env, seed, policy_of_one(runner))
            if episode and shown is not None:  # the same actions, in the environment whose observations are stored
                actions = np.stack([step.action for step in episode])
                episode = _successful_episode(shown, seed, stored_actions(actions))
            if episode:
                return _arrays(episode, task)
    finally:
        env.close()
        if shown is not None:
            shown.close()
    raise ConfigError(f"the demonstrator of {task_id} fails from {ATTEMPTS} starts of episode {number}.")


def _successful_episode(env: gym.Env[Any, Any], seed: int, act: Act) -> list[Step]:
    """The steps from a start until success; none when the episode ends without."""
    observation, _ = env.reset(seed=seed)
    done: list[Step] = []
    for step in steps(env, observation, act):
        done.append(step)
        if step.info["is_success"]:
            return done
    return []


def _arrays(episode: list[Step], task: TaskSpec) -> dict[str, NDArray[Any]]:
    """Store array -> `(T, ...)`."""
    return {
        array: np.stack([step.action if key == "action" else step.observation[key] for step in episode])
        for key, array in task.store_arrays.items()
    }
