"""Build an episode store of a task from a public archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.data.formats import Archive, open_archive
from dpbench.data.plausible import check_arrays
from dpbench.data.public import Arrays, Attributes, public_demonstrations
from dpbench.errors import DataError
from dpbench.files.locks import working_on
from dpbench.files.writing import new_folder
from dpbench.spec import TaskSpec


def import_archive(
    task: TaskSpec,
    source: Path,
    file_format: str,
    path: Path,
    on_done: Callable[[int], object] = lambda _: None,
    filter_name: str | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> EpisodeStore:
    """Read an archive and write the store.

    Args:
        task: its public demonstrations say how arrays of the archive become arrays of the store.
        source: archive, or the folder it is in.
        file_format: name in the registry of formats.
        path: of the store; must not exist.
        on_done: called with 1 for every episode.
        filter_name: takes only the episodes that the archive lists under this name.
        say: called with a sentence for each difference between the archive's environment and the task's.

    Raises:
        ConfigError: when the task reads no archives.
        DataError: for a damaged archive, arrays of another shape, an unknown filter, or a store that exists already;
            no partial store is left.
        BusyError: when another process is writing the store.
    """
    public_demonstrations(task)
    with working_on(path):
        if path.exists():
            raise DataError(f"{path} exists already; move it away, or choose another place with --out.")
        archive = open_archive(file_format, source)
        attributes = {"task": task.id, "source": f"{file_format} archive {source.name}"}
        return store_archive(task, archive, source, path, attributes, on_done, filter_name, say)


def store_archive(
    task: TaskSpec,
    archive: Archive,
    source: Path,
    path: Path,
    attributes: Mapping[str, Any],
    on_done: Callable[[int], object],
    filter_name: str | None,
    say: Callable[[str], object],
) -> EpisodeStore:
    """As `import_archive`, from an open archive; `attributes` go into the store."""
    episodes = _chosen(archive, filter_name, source)
    public = public_demonstrations(task)
    differences = list(public.differences(archive.attributes, task)) if public.differences is not None else []
    for sentence in differences:
        say(sentence)
    more = {"filter": filter_name} if filter_name is not None else {}

    def convert(arrays: Arrays, about: Attributes) -> Arrays:
        converted = public.to_store(arrays, about, task)
        check_arrays(converted, task, str(source))
        return converted

    with new_folder(path) as temporary:
        fill(temporary, archive, episodes, convert, source, {**attributes, **more, "differences": differences}, on_done)
    return EpisodeStore.open(path)


def fill(
    folder: Path,
    archive: Archive,
    episodes: NDArray[np.int64],
    convert: Callable[[Arrays, Mapping[str, Any]], Arrays],
    source: Path,
    attributes: Mapping[str, Any],
    on_done: Callable[[int], object],
) -> None:
    """Make a store from some episodes of an archive; `convert` gets the arrays and the attributes of each.

    Raises:
        DataError: for damaged blocks, or arrays that `convert` cannot convert.
    """
    store: EpisodeStore | None = None
    for episode in converted(archive, episodes, convert, source):
        if store is None:
            store = EpisodeStore.create(folder, step_shapes(episode), attributes)
        store.append(episode, durable=False)
        on_done(1)


def converted(
    archive: Archive,
    episodes: NDArray[np.int64],
    convert: Callable[[Arrays, Attributes], Arrays],
    source: Path,
) -> Iterator[Arrays]:
    """Some episodes of an archive, as `convert` makes them of the arrays and the attributes of each.

    Raises:
        DataError: for damaged blocks and attributes, NaN, or arrays that `convert` cannot convert.
    """
    starts = np.concatenate([[0], archive.episode_ends[:-1]])
    for number in episodes.tolist():
        arrays = _Episode(archive, int(starts[number]), int(archive.episode_ends[number]), source)
        about = {**archive.attributes, **_about(archive, number, source)}
        try:
            with np.errstate(over="ignore"):  # what becomes infinite in float32 is refused later
                episode = convert(arrays, about)
        except KeyError as error:
            raise DataError(f"{source} has no array {error}, which this task needs; it is another data set.") from error
        except (ValueError, IndexError, TypeError, AttributeError, ArithmeticError) as error:
            raise DataError(f"{source} has arrays of another shape ({error}); it is another data set.") from error
        yield episode


def _about(archive: Archive, number: int, source: Path) -> Mapping[str, Any]:
    """The attributes of an episode."""
    try:
        return dict(archive.episodes[number]) if archive.episodes else {}
    except Exception as error:  # Readers raise errors of many types for damaged attributes.
        raise DataError(
            f"{source}: attributes of episode {number} are damaged ({error}); download it again."
        ) from error


class _Episode(Mapping[str, NDArray[Any]]):
    """The arrays of one episode without their `data/`, read when they are asked for."""

    def __init__(self, archive: Archive, start: int, end: int, source: Path) -> None:
        self._arrays = {name.split("/", 1)[1]: array for name, array in archive.arrays.items()}
        self._start, self._end, self._source = start, end, source

    def __getitem__(self, name: str) -> NDArray[Any]:
        array = self._arrays[name]
        try:
            values = np.ascontiguousarray(array[self._start : self._end])
        except DataError:
            raise
        except Exception as error:  # Decoders raise errors of many types for damaged blocks.
            raise DataError(
                f"{self._source} is damaged in steps {self._start} to {self._end} ({error}); download it again."
            ) from error
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(
                f"{self._source}: {name} holds NaN or infinite values in steps {self._start} to {self._end}; leave "
                "that episode out, or download it again."
            )
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _chosen(archive: Archive, filter_name: str | None, source: Path) -> NDArray[np.int64]:
    if filter_name is None:
        return np.arange(len(archive.episode_ends))
    if filter_name not in archive.filters:
        known = ", ".join(sorted(archive.filters)) or "none"
        raise DataError(f"{source} has no filter {filter_name!r}; it has {known}.")
    if len(archive.filters[filter_name]) == 0:
        raise DataError(f"{source}: filter {filter_name!r} names no episode; choose another.")
    return archive.filters[filter_name]
