"""Teleoperation of a simulated task with the mouse: a person's episodes become demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.errors import ConfigError
from dpbench.evaluation.stepping import steps
from dpbench.files.locks import working_on
from dpbench.policies.protocol import Observations
from dpbench.spec import TaskSpec

QUIT, RETRY, SAVE = "q", "r", "s"


class HandControl(Protocol):
    """What an environment with `render_mode="human"` offers for teleoperation."""

    def human_action(self) -> NDArray[np.float32] | None:
        """The action that the person commands now; None before the person takes control."""
        ...

    def human_keys(self) -> tuple[str, ...]:
        """Names of the keys pressed since the last call."""
        ...

    def store_step(self) -> Mapping[str, NDArray[Any]]:
        """The state before the action: array of the store -> value."""
        ...


@dataclass(frozen=True)
class Recorded:
    """Episodes of one session."""

    saved: int
    discarded: int


def record(env: gym.Env[Any, Any], task: TaskSpec, path: Path, first_seed: int, say: Callable[[str], None]) -> Recorded:
    """Run episodes until the person quits; every saved one is appended to the store at once.

    An episode is saved when the task is solved, or with the key S. It is discarded and started again when the task is
    failed, or with the key R. Q, or closing the window, ends the session and discards the unfinished episode. Steps are
    recorded from the moment at which the person takes control.

    Args:
        env: made with `render_mode="human"`.
        task: names the action.
        path: store, created with the first saved episode.
        first_seed: start seed of the first episode of the store; the n-th one after it starts from `first_seed + n`.
        say: called with a line about every episode.

    Raises:
        ConfigError: when the environment cannot be teleoperated.
        DataError: when the store cannot take the episode.
        BusyError: when another process is writing to the store.
    """
    control: Any = env.unwrapped
    if not all(hasattr(control, name) for name in ("human_action", "human_keys", "store_step")):
        raise ConfigError(f"{task.id} cannot be teleoperated with the mouse: its environment has no human_action.")
    with working_on(path):
        return _record(env, control, task, path, first_seed, say)


def _record(
    env: gym.Env[Any, Any],
    control: HandControl,
    task: TaskSpec,
    path: Path,
    first_seed: int,
    say: Callable[[str], None],
) -> Recorded:
    store = EpisodeStore.open(path) if path.exists() else None
    saved = discarded = attempt = 0
    while True:
        seed = first_seed + (store.n_episodes if store is not None else 0)
        episode, key = _play(env, control, seed)
        if key == QUIT:
            return Recorded(saved, discarded)
        if key == RETRY or not episode:
            discarded, attempt = discarded + 1, attempt + 1
            say(f"seed {seed}: discarded")
            continue
        arrays = {name: np.stack([row[name] for row in episode]) for name in episode[0]}
        if store is None:
            attributes = {"task": task.id, "source": "recorded by hand"}
            store = EpisodeStore.create(path, step_shapes(arrays), attributes)
        store.append(arrays, seed, attempt)
        saved, attempt = saved + 1, 0
        say(f"seed {seed}: saved {len(episode)} steps, episode {store.n_episodes} of {path}")


def _play(env: gym.Env[Any, Any], control: HandControl, seed: int) -> tuple[list[Mapping[str, NDArray[Any]]], str]:
    """One episode, and the key that ended it: `SAVE` also when the task was solved, `RETRY` when it was failed."""
    rows: list[Mapping[str, NDArray[Any]]] = []
    pressed: list[str] = []

    def act(_observation: Observations, _active: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        while True:
            pressed.extend(key for key in control.human_keys() if key in (QUIT, RETRY, SAVE))
            if pressed:
                return None
            action = control.human_action()
            if action is not None:
                rows.append({**control.store_step(), "action": action.astype(np.float32)})
                return action
            env.render()

    first, _ = env.reset(seed=seed)
    last = None
    for last in steps(env, first, act):  # noqa: B007
        pass
    if pressed:
        return rows, pressed[0]
    return rows, SAVE if last is not None and last.info["is_success"] else RETRY
