"""`check_dataset`: are stored demonstrations those of a task?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.checks.outcome import Check, CheckFailed, CheckSkipped, listed, require, run_check, run_checks
from dpbench.data.episodes import UNKNOWN, EpisodeStore
from dpbench.demonstrations.exporting import replays
from dpbench.errors import DataError
from dpbench.findings import Finding
from dpbench.spec import ActionSpec, ArraySpec, TaskSpec
from dpbench.tasks import load_task

BLOCK = 2048
"""Steps that are read at a time: pictures do not fit into memory."""


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
    if subject.n_replays == 0:
        raise CheckSkipped("no replays were asked for")
    if UNKNOWN in subject.store.start_seeds[: subject.n_replays]:
        raise CheckSkipped("the store does not hold the seeds of its starts")
    try:
        done = sum(1 for _ in islice(replays(subject.task, subject.store), subject.n_replays))
    except DataError as error:
        raise CheckFailed(str(error), "generate the demonstrations again with this version") from error
    return f"{done} episodes give the stored observations"


CHECKS: dict[str, Check[_Subject]] = {
    "episodes": _episodes,
    "arrays": _arrays,
    "finite": _finite,
    "ranges": _ranges,
    "variation": _variation,
    "replay": _replay,
}
"""Name -> check, in the order of the findings."""
