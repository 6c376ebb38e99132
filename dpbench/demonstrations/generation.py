"""Demonstrations from a task's scripted demonstrator: parallel, and resumable from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.errors import ConfigError, DataError, check_whole
from dpbench.evaluation.rollout import check_workers
from dpbench.evaluation.stepping import Act, Step, policy_of_one, steps, stored_actions
from dpbench.files.locks import working_on
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.runner import PolicyRunner
from dpbench.processes import worker_processes
from dpbench.spec import TaskSpec
from dpbench.tasks import load_task

ATTEMPTS, ATTEMPT_STRIDE = 20, 1_000_000
"""Episode i starts from seed i; where that fails, from i + 1,000,000, i + 2,000,000, ..."""
MAX_EPISODES = 1_000_000
BATCH = 32
"""Episodes that a worker is given at a time."""


@dataclass(frozen=True)
class Demonstration:
    """One successful episode of a task's demonstrator.

    Attributes:
        arrays: array of the store -> `(T, ...)`.
        start_seed: of the environment's reset.
        attempt: how many starts failed before this one.
    """

    arrays: Mapping[str, NDArray[Any]]
    start_seed: int
    attempt: int


def generate(
    task: TaskSpec, path: Path, n_episodes: int, n_workers: int, on_done: Callable[[int], object] = lambda _: None
) -> EpisodeStore:
    """Fill a store with successful episodes of the demonstrator; an existing store is continued.

    Episode i depends on its number only, so that a killed run that is started again gives the same store.

    Args:
        task: names its demonstrator and the arrays to store.
        path: store, made with the first episode.
        n_episodes: episodes in the store at the end.
        n_workers: processes.
        on_done: called with the number of episodes that were just stored.

    Raises:
        ConfigError: for a task without a demonstrator, or a demonstrator that fails from every start of an episode.
        DataError: when the store holds other demonstrations, or cannot take an episode.
        BusyError: when another process is writing to the store.
    """
    scripted_demonstrator(task)
    check_workers(n_workers)
    check_whole("n_episodes", n_episodes, 1, MAX_EPISODES)
    with working_on(path):
        return _generate(task, path, n_episodes, n_workers, on_done)


def _generate(
    task: TaskSpec, path: Path, n_episodes: int, n_workers: int, on_done: Callable[[int], object]
) -> EpisodeStore:
    attributes = {"task": task.id, "source": "scripted demonstrator"}
    store = EpisodeStore.open(path) if path.exists() else None
    if store is not None and {**store.attributes, **attributes} != store.attributes:
        raise DataError(f"{path} holds other demonstrations than the scripted ones of {task.id}; choose another --out.")
    first = store.n_episodes if store is not None else 0
    with worker_processes(n_workers) as pool:
        for begin in range(first, n_episodes, BATCH * n_workers):
            numbers = range(begin, min(n_episodes, begin + BATCH * n_workers))
            for made in pool.map(partial(demonstrate, task.id), numbers, chunksize=8):
                if store is None:
                    store = EpisodeStore.create(path, step_shapes(made.arrays), attributes)
                store.append(made.arrays, made.start_seed, made.attempt)
                on_done(1)
    assert store is not None, "made with the first episode"
    return store


def demonstrate(task_id: str, number: int) -> Demonstration:
    """Episode `number` of a task's demonstrator.

    Raises:
        ConfigError: when the demonstrator fails from all of its starts.
    """
    task = load_task(task_id)
    script = scripted_demonstrator(task)
    demonstrator_task = load_task(script.acts_on or task_id)
    policy = script.policy(demonstrator_task)
    env = gym.make(demonstrator_task.id)
    other_view = gym.make(task_id) if task_id != demonstrator_task.id else None
    try:
        for attempt in range(ATTEMPTS):
            seed = number + attempt * ATTEMPT_STRIDE
            runner = PolicyRunner(policy, NoiseStreams.from_seeds(0, [seed]))
            episode = _successful_episode(env, seed, policy_of_one(runner))
            if episode and other_view is not None:  # replay the actions where the observations to store are
                actions = np.stack([step.action for step in episode])
                episode = _successful_episode(other_view, seed, stored_actions(actions))
            if episode:
                return Demonstration(_arrays(episode, task), seed, attempt)
    finally:
        env.close()
        if other_view is not None:
            other_view.close()
    raise ConfigError(f"the demonstrator of {task_id} fails from all {ATTEMPTS} starts of episode {number}.")


def _successful_episode(env: gym.Env[Any, Any], seed: int, act: Act) -> list[Step]:
    """The steps from a start until success; an empty list when the episode ends without success."""
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
