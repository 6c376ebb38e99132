"""Public demonstrations of a task: where they are published, and how they become arrays of its store (numpy only)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.spec import TaskSpec

Arrays = Mapping[str, NDArray[Any]]
"""Name of an array -> its values, a row a step."""
Attributes = Mapping[str, Any]
"""Metadata of an archive and of an episode, such as the environment it was recorded in."""


@dataclass(frozen=True)
class DatasetSpec:
    """One published set of demonstrations.

    Attributes:
        name: name of the store and of `dpbench data fetch NAME`.
        format: name in the registry of formats.
        url: where the archive is published.
        size_bytes: of the published archive, for the progress bar; 0 when unknown.
        n_episodes: number of episodes in the archive.
        source: who recorded it, where it is described.
        n_steps: total number of steps in the archive, None when unknown.
        sha256: of the published archive, None when unknown. Where `array_sha256` is given, that decides, since the
            bytes of an archive may differ.
        array_sha256: archive array -> SHA-256 of its values in C order, little endian.
    """

    name: str
    format: str
    url: str
    size_bytes: int
    n_episodes: int
    source: str
    n_steps: int | None = None
    sha256: str | None = None
    array_sha256: Mapping[str, str] = field(default_factory=dict)


class ToStore(Protocol):
    """Turns an episode, or a block of steps, of an archive into arrays of the episode store."""

    def __call__(self, archive: Arrays, attributes: Attributes, task: TaskSpec, /) -> Arrays:
        """Arrays of the archive (without their `data/`), `(T, ...)`, to arrays of the store, `(T, ...)`.

        Raises:
            DataError: for actions or observations that are not of the task.
            KeyError, ValueError, IndexError: for arrays that are missing or of another shape.
        """
        ...


class Differences(Protocol):
    """Says how the environment of an archive differs from a task's."""

    def __call__(self, attributes: Attributes, task: TaskSpec, /) -> Sequence[str]:
        """One sentence a difference."""
        ...


@dataclass(frozen=True)
class PublicDemonstrations:
    """A part of a task: the public data that it can be trained on.

    Attributes:
        to_store: turns arrays of an archive into those of the store.
        dataset: the task's own published demonstrations, or None.
        archives: further published sets that the task can read; each has its own store in the data root.
        differences: compares the environment of an archive with the task's; None where archives do not describe it.
    """

    to_store: ToStore
    dataset: DatasetSpec | None = None
    archives: tuple[DatasetSpec, ...] = ()
    differences: Differences | None = None

    def sets(self) -> tuple[DatasetSpec, ...]:
        """All published sets, the task's own first."""
        return (self.dataset, *self.archives) if self.dataset is not None else self.archives


def public_demonstrations(task: TaskSpec) -> PublicDemonstrations:
    """The public demonstrations of a task.

    Raises:
        ConfigError: for a task without.
        TaskError: when they cannot be imported.
    """
    public = task.part(PublicDemonstrations)
    if public is None:
        raise ConfigError(f"{task.id} reads no public archives; generate its demonstrations: dpbench demos generate.")
    return public


def own_dataset(task: TaskSpec) -> DatasetSpec | None:
    """The published demonstrations that carry the task's name, None for a task without."""
    public = task.part(PublicDemonstrations)
    return public.dataset if public is not None else None
