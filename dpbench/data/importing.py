"""Build an episode store of a task from a public archive whose content has no published checksum."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dpbench.data.episodes import EpisodeStore
from dpbench.errors import ConfigError, DataError
from dpbench.registry import registry, resolve
from dpbench.spec import TaskSpec


def import_archive(
    task: TaskSpec, source: Path, file_format: str, path: Path, on_done: Callable[[int], object] = lambda _: None
) -> EpisodeStore:
    """Read an archive and write the store.

    Args:
        task: says how the archive's arrays become its own.
        source: archive, or the folder that holds it.
        file_format: name in the registry of formats.
        path: of the store; must be free.
        on_done: called with 1 for every episode.

    Raises:
        ConfigError: when the task reads no archives.
        DataError: for a broken archive, arrays of another shape, or a store that is there already; nothing
            half-written is left behind.
    """
    if task.archive_arrays is None:
        raise ConfigError(f"{task.id} reads no public archives; it has no archive_arrays.")
    if path.exists():
        raise DataError(f"{path} is there already; move it away, or give another place with --out.")
    archive = registry("format").load(file_format)(source)
    convert = resolve(task.archive_arrays)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    store: EpisodeStore | None = None
    start = 0
    try:
        for end in archive.episode_ends.tolist():
            block = {name.split("/", 1)[1]: np.asarray(values[start:end]) for name, values in archive.arrays.items()}
            try:
                episode = convert(block)
            except (KeyError, ValueError, IndexError) as error:
                raise DataError(f"{source} holds other arrays than {task.id} needs ({error!r}).") from error
            if store is None:
                arrays = {name: (values.shape[1:], values.dtype.name) for name, values in episode.items()}
                attributes = {"task": task.id, "source": f"{file_format} archive {source.name}"}
                store = EpisodeStore.create(temporary, arrays, attributes)
            store.append(episode, durable=False)
            on_done(1)
            start = end
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return EpisodeStore.open(path)
