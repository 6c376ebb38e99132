"""The current episode on disk, step by step, so that it stays readable after a fault or a killed process.

The journal is an episode store of its own (`NAME.unfinished.zarr`) beside the store it belongs to. Every step is
committed to it like an episode. When the episode is saved, it becomes one episode of the store. The next session finds
an episode that a killed session left behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import UNKNOWN, EpisodeStore
from dpbench.errors import DataError, shown

FOLLOWS = "follows_n_episodes"
"""Attribute of a journal: number of episodes in the store when the journal was started."""
START_SEED = "start_seed"
"""Attribute of a journal: seed of the reset before the episode."""


class Journal:
    """The unfinished episode of a store.

    Args:
        path: of the store, which is created when the first episode is saved.
        attributes: JSON attributes of a new store.

    Raises:
        DataError: if the store or an unfinished episode cannot be read.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        self.path = path
        self.unfinished = path.with_name(f"{path.name.removesuffix('.zarr')}.unfinished.zarr")
        self._attributes = dict(attributes)
        self._steps: EpisodeStore | None = None
        self._start_seed = UNKNOWN
        if self.unfinished.exists():
            self._resume()

    @property
    def n_steps(self) -> int:
        """Number of steps in the unfinished episode."""
        return 0 if self._steps is None else self._steps.n_steps

    @property
    def n_episodes(self) -> int:
        """Number of episodes in the store."""
        return EpisodeStore.open(self.path).n_episodes if self.path.exists() else 0

    def check_finished(self) -> None:
        """Check that there is no unfinished episode, before an unattended session.

        Raises:
            DataError: if there is one.
        """
        if self.n_steps:
            raise DataError(
                f"{self.unfinished} holds {self.n_steps} steps of an unfinished episode: save or discard it with "
                f"`dpbench arm record --out {self.path}`, or delete it."
            )

    def begin(self, start_seed: int) -> None:
        """Note the seed of the reset before the next episode; it is saved with the episode."""
        self._start_seed = start_seed

    def add(self, row: Mapping[str, NDArray[Any]]) -> None:
        """Commit one step.

        Args:
            row: array of the store -> its value at this step.

        Raises:
            DataError: if the shapes differ from the steps before, or the disk is full.
        """
        if self._steps is None:
            shapes = _shapes(row)
            if self.path.exists():
                self._check(shapes)
            attributes = {**self._attributes, FOLLOWS: self.n_episodes, START_SEED: self._start_seed}
            self._steps = EpisodeStore.create(self.unfinished, shapes, attributes)
        # Not flushed to disk: a step every 100 ms must not wait for it. A killed process still loses nothing.
        self._steps.append({name: np.asarray(value)[None] for name, value in row.items()}, durable=False)

    def save(self) -> int:
        """Append the unfinished episode to the store.

        Returns:
            Its number.

        Raises:
            DataError: if there is none, or it cannot be written; then it stays in the journal.
        """
        steps = self._steps
        if steps is None or steps.n_steps == 0:
            raise DataError(f"{self.path}: there is no unfinished episode to save.")
        if self.path.exists():
            store = EpisodeStore.open(self.path)
        else:
            store = EpisodeStore.create(self.path, steps.shapes(), self._attributes)
        store.append({name: steps.read(name) for name in steps.shapes()}, _number(steps, START_SEED, UNKNOWN, UNKNOWN))
        self.discard()
        return store.n_episodes - 1

    def discard(self) -> None:
        """Delete the unfinished episode."""
        self._steps = None
        if self.unfinished.exists():
            shutil.rmtree(self.unfinished)

    def _resume(self) -> None:
        try:
            if self.unfinished.is_symlink():
                raise DataError("it is a link")
            steps = EpisodeStore.open(self.unfinished)
            follows = _number(steps, FOLLOWS, 0, 0)
            _number(steps, START_SEED, UNKNOWN, UNKNOWN)
        except DataError as error:  # its steps may still be of use to people
            raise DataError(
                f"{self.unfinished}: the unfinished episode cannot be read ({str(error).rstrip('.')}); move it away."
            ) from error
        if follows < self.n_episodes:  # killed after saving
            self.discard()
            return
        self._steps = steps

    def _check(self, shapes: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        known = EpisodeStore.open(self.path).shapes()
        if known != dict(shapes):
            raise DataError(
                f"{self.path} holds steps of {known}, but this arm gives {dict(shapes)}: choose another store (--out)."
            )


def _number(steps: EpisodeStore, name: str, least: int, default: int) -> int:
    """A whole number among the attributes of a journal.

    Raises:
        DataError: for anything else.
    """
    value = steps.attributes.get(name, default)
    if type(value) is not int or not least <= value < 2**63:
        raise DataError(f"{name} = {shown(value)}, expected a whole number from {least}")
    return value


def _shapes(row: Mapping[str, NDArray[Any]]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (np.shape(value), np.asarray(value).dtype.name) for name, value in row.items()}
