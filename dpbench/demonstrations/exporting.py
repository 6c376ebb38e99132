"""Write demonstrations in a public format: each episode is replayed from its start seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import UNKNOWN, EpisodeStore
from dpbench.demonstrations.replay import ArchiveWriter, Replay
from dpbench.errors import ConfigError, DataError
from dpbench.evaluation.stepping import steps
from dpbench.policies.protocol import Observations
from dpbench.spaces import flatten
from dpbench.spec import TaskSpec

TOLERANCE = 1e-5
"""Largest accepted difference of an observation from the stored one; it is 0 with the versions that made the store."""


def export(task: TaskSpec, store: EpisodeStore, path: Path) -> None:
    """Write a store of `dpbench demos generate` in the public format of the task's data.

    Raises:
        ConfigError: when the task has no such format.
        DataError: when the start of an episode is unknown, or its replay differs from what is stored.
    """
    writer = task.part(ArchiveWriter)
    if writer is None:
        raise ConfigError(f"{task.id} has no public format to write; its parts lack an ArchiveWriter.")
    if store.n_episodes == 0:
        raise DataError(f"{store.path} has no episode yet; record or generate some first.")
    writer.write(path, task, replays(task, store))


def replays(task: TaskSpec, store: EpisodeStore) -> Iterator[Replay]:
    """Replay every episode of a store, in order.

    Raises:
        DataError: as `export`.
    """
    env = gym.make(task.id)
    try:
        start = 0
        for number, (end, seed) in enumerate(zip(store.episode_ends.tolist(), store.start_seeds.tolist(), strict=True)):
            name = f"episode {number} of {store.path}"
            if seed == UNKNOWN:
                raise DataError(
                    f"{name} has no start seed, so it cannot be replayed; move the store away and generate it "
                    f"again: dpbench demos generate {task.id}"
                )
            stored = {key: store.read(array, start, end) for key, array in task.store_arrays.items()}
            yield _replay(env, seed, stored, name)
            start = end
    finally:
        env.close()


def _replay(env: gym.Env[Any, Any], seed: int, stored: Mapping[str, NDArray[Any]], name: str) -> Replay:
    simulator: Any = env.unwrapped
    # Pictures may differ between machines; the vectors are the state.
    vectors = {key: values for key, values in stored.items() if key != "action" and not key.startswith("pixels.")}
    actions = stored["action"]
    states: list[NDArray[np.float64]] = []

    def act(observation: Observations, _active: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        step = len(states)
        if step == len(actions):
            return None
        off = max(float(np.abs(observation[key] - values[step]).max()) for key, values in vectors.items())
        if off > TOLERANCE:
            raise DataError(
                f"step {step} of {name} differs from its replay by {off:.2g}; "
                "generate the demonstrations again with this version."
            )
        states.append(simulator.simulator_state())
        action: NDArray[np.float32] = actions[step]
        return action

    first = dict(flatten(env.reset(seed=seed)[0]))
    done = list(steps(env, first, act))
    if len(done) < len(actions):
        raise DataError(
            f"{name} has {len(actions)} steps, its replay ends after {len(done)}; "
            "generate the demonstrations again with this version."
        )
    rows = [first, *(step.next_observation for step in done)]
    observations = {key: np.stack([row[key] for row in rows]) for key in first}
    rewards = np.array([float(step.reward) for step in done])
    return Replay(observations, actions, rewards, np.stack(states), simulator)
