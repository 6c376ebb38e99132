"""`check_dataset`: are stored demonstrations those of a task?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from dpbench.checks.outcome import Check, CheckSkipped, listed, require, run_check, run_checks
from dpbench.data.episodes import UNKNOWN, EpisodeStore
from dpbench.evaluation.stepping import steps, stored_actions
from dpbench.findings import Finding
from dpbench.spec import ActionSpec, ArraySpec, TaskSpec
from dpbench.tasks import load_task

BLOCK = 2048
"""Steps that are read at a time: pictures do not fit into memory."""
TOLERANCE = 1e-5
"""Largest difference of an observation from its replay; the same versions give none."""


@dataclass(frozen=True)
class _Subject:
    task: TaskSpec
    store: EpisodeStore
    n_replays: int

    def specs(self) -> Iterator[tuple[str, ArraySpec | ActionSpec]]:
        """Arrays of the store that the task reads, with what they must hold."""
        for key, array in self.task.store_arrays.items():
            yield array, self.task.action if key == "action" else self.task.observations[key]

    def blocks(self, array: str) -> Iterator[NDArray[Any]]:
        """The values of an array, block by block."""
        for begin in range(0, self.store.n_steps, BLOCK):
            yield self.store.read(array, begin, begin + BLOCK)


def check_dataset(store: EpisodeStore | str | Path, task: TaskSpec | str, n_replays: int = 0) -> tuple[Finding, ...]:
    """Check the demonstrations of a task.

    Args:
        store: an open store, or its path.
        task: id of an installed task, or its TaskSpec.
        n_replays: episodes whose actions are played again in the environment, which must give the stored observations;
            for stores that hold the seeds of their starts (`dpbench demos generate`).

    Returns:
        One finding a check; when the store cannot be opened, that alone.
    """
    opened: list[_Subject] = []

    def open_subject() -> str:
        spec = load_task(task) if isinstance(task, str) else task
        found = store if isinstance(store, EpisodeStore) else EpisodeStore.open(Path(store))
        opened.append(_Subject(spec, found, n_replays))
        return f"{found.n_episodes} episodes, {found.n_steps} steps"

    first = run_check("the store can be opened", open_subject)
    return (first, *run_checks(CHECKS, opened[0])) if opened else (first,)


def _episodes(subject: _Subject) -> str:
    """There are episodes, and their ends increase."""
    lengths = np.diff(subject.store.episode_ends, prepend=0)
    require(len(lengths) > 0, "no episode", "record, generate or import some")
    require(bool((lengths > 0).all()), f"an episode of {lengths.min()} steps", "leave empty episodes out")
    return f"{lengths.min()} to {lengths.max()} steps, mean {lengths.mean():.1f}"


def _arrays(subject: _Subject) -> str:
    """Every array that the task reads, with shape and dtype of a step."""
    missing = sorted({name for name, _ in subject.specs()} - set(subject.store.keys()))
    require(not missing, f"no array {listed(missing)}", f"store what TaskSpec.store_arrays of {subject.task.id} names")
    for name, spec in subject.specs():
        shape, dtype = subject.store.item(name)
        wanted = (spec.dim,) if isinstance(spec, ActionSpec) else spec.shape
        require(shape == wanted, f"{name} holds steps of shape {shape}", f"store steps of shape {wanted}")
        kind = "f" if isinstance(spec, ActionSpec) else np.dtype(spec.dtype).kind
        require(dtype.kind == kind, f"{name} holds {dtype.name}", "store pictures as uint8, all else as float32")
    return listed(name for name, _ in subject.specs())


def _finite(subject: _Subject) -> str:
    for name, _ in subject.specs():
        for number, block in enumerate(subject.blocks(name)):
            require(
                block.dtype.kind != "f" or bool(np.isfinite(block).all()),
                f"{name} has NaN or infinite values in steps {number * BLOCK} to {number * BLOCK + len(block)}",
                "leave those episodes out",
            )
    return "no NaN, no infinite value"


def _ranges(subject: _Subject) -> str:
    """Values inside the bounds of the task."""
    for name, spec in subject.specs():
        low, high = (np.asarray(bound, dtype=np.float32) for bound in (spec.low, spec.high))
        for block in subject.blocks(name):
            # Bounds are compared as float32, in which the values are stored.
            outside = (block < low) | (block > high)
            require(
                not outside.any(),
                f"{name} reaches from {block.min():g} to {block.max():g}, outside the bounds of {subject.task.id}",
                "check the units; then correct the TaskSpec, or clip",
            )
    return "inside the bounds of the task"


def _variation(subject: _Subject) -> str:
    """Actions differ from step to step: an action that never changes is a sign of a broken recording."""
    array = subject.task.store_arrays["action"]
    bounds = [(block.min(axis=0), block.max(axis=0)) for block in subject.blocks(array)]
    low, high = np.min([low for low, _ in bounds], axis=0), np.max([high for _, high in bounds], axis=0)
    still = [name for name, same in zip(subject.task.action.names, low == high, strict=True) if same]
    require(len(still) < subject.task.action.dim, "all actions are the same", "check that the actions were recorded")
    return f"constant: {listed(still)}"


def _replay(subject: _Subject) -> str:
    """The stored actions, from the stored start, give the stored observations."""
    store = subject.store
    n_replays = min(subject.n_replays, store.n_episodes)
    if n_replays == 0:
        raise CheckSkipped("no replays were asked for")
    if UNKNOWN in store.start_seeds[:n_replays]:
        raise CheckSkipped("the store does not hold the seeds of its starts")
    env = gym.make(subject.task.id, disable_env_checker=True)
    try:
        for number in range(n_replays):
            _replay_one(subject, env, number)
    finally:
        env.close()
    return f"{n_replays} episodes give the stored observations"


def _replay_one(subject: _Subject, env: gym.Env[Any, Any], number: int) -> None:
    task, store = subject.task, subject.store
    begin, end = ([0, *store.episode_ends.tolist()][number + shift] for shift in (0, 1))
    stored = {key: store.read(array, begin, end) for key, array in task.store_arrays.items()}
    # Pictures may differ between machines; vectors may not.
    vectors = {key: values for key, values in stored.items() if key != "action" and not key.startswith("pixels.")}
    start, _ = env.reset(seed=int(store.start_seeds[number]))
    done = list(steps(env, start, stored_actions(stored["action"])))
    advice = "generate the demonstrations again with this version"
    require(
        len(done) == end - begin, f"episode {number} has {end - begin} steps, its replay ends after {len(done)}", advice
    )
    for at, step in enumerate(done):
        off = max(
            (float(np.abs(step.observation[key] - values[at]).max()) for key, values in vectors.items()), default=0.0
        )
        require(off <= TOLERANCE, f"step {at} of episode {number} differs from its replay by {off:.2g}", advice)


CHECKS: dict[str, Check[_Subject]] = {
    "episodes": _episodes,
    "arrays": _arrays,
    "finite": _finite,
    "ranges": _ranges,
    "variation": _variation,
    "replay": _replay,
}
"""Name -> check, in the order of the findings."""
