"""Fetch published demonstrations: find or download the archive, check its content, build the episode store."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dpbench.data.episodes import EpisodeStore, store_name
from dpbench.data.formats import Archive, open_archive
from dpbench.data.importing import fill, store_archive
from dpbench.data.plausible import check_arrays
from dpbench.data.public import Arrays, Attributes, DatasetSpec, PublicDemonstrations, public_demonstrations
from dpbench.errors import DataError
from dpbench.files.locks import working_on
from dpbench.files.writing import new_folder
from dpbench.registry import registry
from dpbench.spec import TaskSpec
from dpbench.tasks import find_task, load_task

BLOCK_BYTES = 1 << 16
TIMEOUT_S = 30


def find_dataset(name: str, task_id: str | None = None) -> tuple[DatasetSpec, TaskSpec]:
    """The data set of that name, and the task to store it for: the first that knows it, or the given one.

    Raises:
        DataError: with the known names.
    """
    tasks = registry("task")
    known = _datasets([task_id] if task_id is not None else tasks.own)
    if name not in known and task_id is None:
        known = {**_datasets(tasks.others.entries), **known}
    if name not in known:
        where = "" if task_id is None else f" of {find_task(task_id)}"
        raise DataError(f"unknown data set {name!r}{where}; known are {', '.join(sorted(known)) or 'none'}.")
    return known[name]


def _datasets(task_ids: Iterable[str]) -> dict[str, tuple[DatasetSpec, TaskSpec]]:
    """Name -> data set and the first of these tasks that knows it."""
    known: dict[str, tuple[DatasetSpec, TaskSpec]] = {}
    for task in map(load_task, task_ids):
        public = task.part(PublicDemonstrations)
        for dataset in public.sets() if public is not None else ():
            known.setdefault(dataset.name, (dataset, task))
    return known


def fetch(dataset: DatasetSpec, task: TaskSpec, root: Path, source: str | None = None) -> tuple[EpisodeStore, bool]:
    """Make the store of a task's own data set in `root`, unless it exists.

    Args:
        dataset: what to fetch.
        task: says how the archive's arrays become those of the store.
        root: data root; an archive of the published name found there is used instead of a download.
        source: archive, the folder it is in, or the address of a mirror; by default the published address.

    Returns:
        The store, and whether it was built now.

    Raises:
        DataError: for a missing, truncated or different archive; an existing store is not changed.
        BusyError: when another process is fetching it.
    """
    path = root / f"{dataset.name}.zarr"
    if path.exists():  # before the lock, so that a data root may be read-only
        return _existing(path, dataset), False
    with working_on(path):
        if path.exists():  # made by another process in the meantime
            return _existing(path, dataset), False
        archive_path = _locate(dataset, root, source)
        archive = open_archive(dataset.format, archive_path)
        _check_layout(archive, dataset, archive_path)
        with new_folder(path) as temporary:
            _build(archive, dataset, task, temporary, archive_path)
        return EpisodeStore.open(path), True


def _existing(path: Path, dataset: DatasetSpec) -> EpisodeStore:
    store = EpisodeStore.open(path)
    if store.attributes.get("array_sha256") == dict(dataset.array_sha256):
        return store
    raise DataError(f"{path} has other data than {dataset.name!r}; move it away to fetch the published data.")


def fetch_archive(
    dataset: DatasetSpec, task: TaskSpec, root: Path, source: str | None, say: Callable[[str], object]
) -> tuple[EpisodeStore, bool]:
    """Make a task's store from an archive in `root`, unless it exists; as `fetch`.

    Args:
        dataset: what to fetch.
        task: says how the archive's arrays become its own.
        root: data root.
        source: archive, the folder it is in, or the address of a mirror; by default the published address.
        say: called with a sentence for each difference from the task's environment, and for an unchecked content.
    """
    path = root / f"{store_name(task)}-{dataset.name.replace('/', '-')}.zarr"
    if path.exists():
        return EpisodeStore.open(path), False
    with working_on(path):
        if path.exists():  # made by another process in the meantime
            return EpisodeStore.open(path), False
        return _build_archive(dataset, task, path, _locate(dataset, root, source), say), True


def _build_archive(
    dataset: DatasetSpec, task: TaskSpec, path: Path, archive_path: Path, say: Callable[[str], object]
) -> EpisodeStore:
    archive = open_archive(dataset.format, archive_path)
    _check_layout(archive, dataset, archive_path)
    sha256 = _file_sha256(archive_path)
    if dataset.sha256 is None:
        say(f"no checksum of {dataset.name} is known, so its content could not be checked.")
    elif sha256 != dataset.sha256:
        say(f"{archive_path} differs from the published file (SHA-256 {sha256[:12]}, not {dataset.sha256[:12]}).")
    attributes = {"task": task.id, "dataset": dataset.name, "source": dataset.source, "archive_sha256": sha256}
    with tqdm(total=len(archive.episode_ends), unit="episode", desc=f"building {path.name}") as bar:
        return store_archive(task, archive, archive_path, path, attributes, bar.update, None, say)


def _locate(dataset: DatasetSpec, root: Path, source: str | None) -> Path:
    published = dataset.url.rsplit("/", 1)[-1]
    # Archives of several data sets may be published under one file name in different folders.
    name = f"{dataset.name.replace('/', '-')}{Path(published).suffix}" if "/" in dataset.name else published
    if source is None and (root / name).exists():
        return root / name
    if source is not None and not source.startswith(("http://", "https://")):
        path = Path(source)
        if not path.exists():
            raise DataError(f"--from {source}: there is no such file or folder.")
        return next((path / inside for inside in (name, published) if (path / inside).exists()), path)
    with working_on(root / name):  # several data sets may share an archive
        return download(source or dataset.url, root / name, dataset.size_bytes)


def download(url: str, path: Path, size_bytes: int) -> Path:
    """Download with a progress bar into `path`; an interrupted download is resumed.

    Raises:
        DataError: without a network, or when the connection breaks; what was downloaded is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            resumed = response.status == 206
            total = int(response.headers.get("Content-Length") or 0) + (have if resumed else 0)
            with (
                part.open("ab" if resumed else "wb") as file,
                tqdm(
                    total=total or size_bytes, initial=have if resumed else 0, unit="B", unit_scale=True, desc=path.name
                ) as bar,
            ):
                while block := response.read(BLOCK_BYTES):
                    file.write(block)
                    bar.update(len(block))
        if total and part.stat().st_size < total:
            raise DataError(
                f"{url}: the connection ended after {part.stat().st_size} of {total} bytes; "
                "repeat the command to resume."
            )
    except urllib.error.HTTPError as error:
        size = (error.headers.get("Content-Range") or "").rsplit("/", 1)[-1]
        if error.code == 416 and str(have) in (size, str(size_bytes)):
            pass  # the download was complete already
        else:
            raise DataError(
                f"{url} answers {error.code} {error.reason}; give a file or a mirror with --from."
            ) from error
    except OSError as error:
        raise DataError(
            f"{url} cannot be reached ({error}); repeat the command to resume, or give a file or a mirror with --from."
        ) from error
    os.replace(part, path)
    return path


def _check_layout(archive: Archive, dataset: DatasetSpec, path: Path) -> None:
    n_episodes, n_steps = len(archive.episode_ends), int(archive.episode_ends[-1])
    if n_episodes != dataset.n_episodes or dataset.n_steps not in (None, n_steps):
        raise DataError(
            f"{path} has {n_episodes} episodes and {n_steps} steps, {dataset.name!r} has {dataset.n_episodes} and "
            f"{dataset.n_steps or 'some'}: it is another data set."
        )
    wanted = {name for name in dataset.array_sha256 if name.startswith("data/")}
    if missing := sorted(wanted - set(archive.arrays)):
        raise DataError(f"{path} lacks the arrays {', '.join(missing)}; download it again.")


def _build(archive: Archive, dataset: DatasetSpec, task: TaskSpec, folder: Path, path: Path) -> None:
    """Fill a store, and compare every array with the published checksums."""
    to_store = public_demonstrations(task).to_store
    digests = {name: hashlib.sha256() for name in dataset.array_sha256 if name.startswith("data/")}

    def checked(arrays: Arrays, attributes: Attributes) -> Arrays:
        block = {name.split("/", 1)[1]: arrays[name.split("/", 1)[1]] for name in digests}
        for name, digest in digests.items():
            digest.update(block[name.split("/", 1)[1]].tobytes())
        converted = to_store(block, attributes, task)
        check_arrays(converted, task, str(path))
        return converted

    attributes = {"dataset": dataset.name, "source": dataset.source, "array_sha256": dict(dataset.array_sha256)}
    with tqdm(total=len(archive.episode_ends), unit="episode", desc=f"building {dataset.name}") as bar:
        fill(folder, archive, np.arange(len(archive.episode_ends)), checked, path, attributes, bar.update)
    found = {name: digest.hexdigest() for name, digest in digests.items()}
    found["meta/episode_ends"] = hashlib.sha256(archive.episode_ends.tobytes()).hexdigest()
    if different := sorted(name for name, sha256 in dataset.array_sha256.items() if found[name] != sha256):
        raise DataError(f"{path}: the values of {', '.join(different)} are not the published ones; download it again.")


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
