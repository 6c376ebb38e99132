"""The episode under way, on disk step by step, so that a fault or a killed process leaves it readable.

It is an episode store of its own beside the one it is meant for (`NAME.unfinished.zarr`), in which every step is
committed like an episode. Saved, it becomes one episode of the store; what a killed session left is found by the next.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import EpisodeStore
from dpbench.errors import DataError

FOLLOWS = "follows_n_episodes"
"""Attribute of a journal: episodes of the store when it was begun."""


class Journal:
    """The unfinished episode of a store.

    Args:
        path: of the store, which is made with the first episode that is saved.
        attributes: free JSON of a new store.

    Raises:
        DataError: when the store or what is left of an unfinished episode is broken.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        self.path = path
        self.unfinished = path.with_name(f"{path.name.removesuffix('.zarr')}.unfinished.zarr")
        self._attributes = dict(attributes)
        self._steps: EpisodeStore | None = None
        if self.unfinished.exists():
            self._take_up()

    @property
    def n_steps(self) -> int:
        """Steps of the unfinished episode."""
        return 0 if self._steps is None else self._steps.n_steps

    @property
    def n_episodes(self) -> int:
        """Episodes of the store."""
        return EpisodeStore.open(self.path).n_episodes if self.path.exists() else 0

    def check_finished(self) -> None:
        """Look whether a session can begin that asks nobody what is to become of an unfinished episode.

        Raises:
            DataError: when there is one.
        """
        if self.n_steps:
            raise DataError(
                f"{self.unfinished} has {self.n_steps} steps of an episode that was not finished: save or discard it "
                f"with `dpbench arm record --out {self.path}`, or delete it."
            )

    def add(self, row: Mapping[str, NDArray[Any]]) -> None:
        """Commit one step.

        Args:
            row: array of the store -> its value at this step.

        Raises:
            DataError: when it is not like the steps before, or the disk is full.
        """
        if self._steps is None:
            shapes = _shapes(row)
            if self.path.exists():
                self._check(shapes)
            attributes = {**self._attributes, FOLLOWS: self.n_episodes}
            self._steps = EpisodeStore.create(self.unfinished, shapes, attributes)
        # Not flushed: a step every 100 ms must not wait for the disk. A killed process loses nothing by that.
        self._steps.append({name: np.asarray(value)[None] for name, value in row.items()}, durable=False)

    def save(self) -> int:
        """Make the unfinished episode one of the store.

        Returns:
            Its number.

        Raises:
            DataError: when there is none, or it cannot be written; it is kept.
        """
        steps = self._steps
        if steps is None or steps.n_steps == 0:
            raise DataError(f"{self.path}: there is no unfinished episode to save.")
        if self.path.exists():
            store = EpisodeStore.open(self.path)
        else:
            store = EpisodeStore.create(self.path, steps.shapes(), self._attributes)
        store.append({name: steps.read(name) for name in steps.shapes()})
        self.discard()
        return store.n_episodes - 1

    def discard(self) -> None:
        """Throw the unfinished episode away."""
        self._steps = None
        if self.unfinished.exists():
            shutil.rmtree(self.unfinished)

    def _take_up(self) -> None:
        try:
            steps = EpisodeStore.open(self.unfinished)
        except DataError:  # killed while it was made: no step is in it
            self.discard()
            return
        if int(steps.attributes.get(FOLLOWS, 0)) < self.n_episodes:  # killed between saving and tidying up
            self.discard()
            return
        self._steps = steps

    def _check(self, shapes: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        known = EpisodeStore.open(self.path).shapes()
        if known != dict(shapes):
            raise DataError(
                f"{self.path} holds steps of {known}, this arm gives {dict(shapes)}: choose another store (--out)."
            )


def _shapes(row: Mapping[str, NDArray[Any]]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (np.shape(value), np.asarray(value).dtype.name) for name, value in row.items()}
