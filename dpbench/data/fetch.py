"""Fetch published demonstrations: find or download the archive, check its content, build the episode store."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dpbench.data.episodes import EpisodeStore
from dpbench.data.formats import Archive
from dpbench.errors import DataError
from dpbench.registry import registry, resolve
from dpbench.spec import DatasetSpec
from dpbench.tasks import load_task

BLOCK_BYTES = 1 << 16
TIMEOUT_S = 30


def find_dataset(name: str) -> DatasetSpec:
    """The data set of that name among all installed tasks.

    Raises:
        DataError: with the known ones.
    """
    known = {}
    for task_id in registry("task").names():
        dataset = load_task(task_id).dataset
        if dataset is not None:
            known[dataset.name] = dataset
    if name not in known:
        raise DataError(f"unknown data set {name!r}; known are {', '.join(sorted(known))}.")
    return known[name]


def fetch(dataset: DatasetSpec, root: Path, source: str | None = None) -> tuple[EpisodeStore, bool]:
    """Make the store of a data set in `root`, unless it is there.

    Args:
        dataset: what to fetch.
        root: data root; an archive of the published name found there is used instead of a download.
        source: archive, folder that holds it, or address of a mirror; the published address by default.

    Returns:
        The store, and whether it was built now.

    Raises:
        DataError: for a missing, truncated or different archive; an older store stays as it was.
    """
    path = root / f"{dataset.name}.zarr"
    if path.exists():
        store = EpisodeStore.open(path)
        if store.attributes.get("array_sha256") == dict(dataset.array_sha256):
            return store, False
        raise DataError(f"{path} holds other data than {dataset.name!r}; move it away to fetch the published one.")
    archive_path = _locate(dataset, root, source)
    archive = registry("format").load(dataset.format)(archive_path)
    _check_layout(archive, dataset, archive_path)
    for stale in root.glob(f".{path.name}.*.tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    temporary = root / f".{path.name}.{os.getpid()}.tmp"
    try:
        _build(archive, dataset, temporary, archive_path)
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: store not written ({error}); free some space and run again.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return EpisodeStore.open(path), True


def _locate(dataset: DatasetSpec, root: Path, source: str | None) -> Path:
    name = dataset.url.rsplit("/", 1)[-1]
    if source is None and (root / name).exists():
        return root / name
    if source is not None and not source.startswith(("http://", "https://")):
        path = Path(source)
        if not path.exists():
            raise DataError(f"--from {source}: there is no such file or folder.")
        return path / name if (path / name).exists() else path
    return download(source or dataset.url, root / name, dataset.size_bytes)


def download(url: str, path: Path, size_bytes: int) -> Path:
    """Download with a progress bar into `path`; a part left by an earlier try is continued.

    Raises:
        DataError: without a network, or when the connection breaks; the part stays.
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
                f"{url}: the connection ended after {part.stat().st_size} of {total} bytes; run again to go on."
            )
    except urllib.error.HTTPError as error:
        if error.code == 416 and have == size_bytes:
            pass  # the part is whole already
        else:
            raise DataError(
                f"{url} answers {error.code} {error.reason}; give a file or a mirror with --from."
            ) from error
    except OSError as error:
        raise DataError(
            f"{url} cannot be reached ({error}); run again to go on, or give a file or a mirror with --from."
        ) from error
    os.replace(part, path)
    return path


def _check_layout(archive: Archive, dataset: DatasetSpec, path: Path) -> None:
    n_episodes, n_steps = len(archive.episode_ends), int(archive.episode_ends[-1])
    if (n_episodes, n_steps) != (dataset.n_episodes, dataset.n_steps):
        raise DataError(
            f"{path} holds {n_episodes} episodes and {n_steps} steps, {dataset.name!r} has {dataset.n_episodes} and "
            f"{dataset.n_steps}: it is another data set."
        )
    wanted = {name for name in dataset.array_sha256 if name.startswith("data/")}
    if missing := sorted(wanted - set(archive.arrays)):
        raise DataError(f"{path} lacks the arrays {', '.join(missing)}; download it again.")


def _build(archive: Archive, dataset: DatasetSpec, folder: Path, path: Path) -> None:
    convert = resolve(dataset.arrays)
    names = [name for name in dataset.array_sha256 if name.startswith("data/")]
    digests = {name: hashlib.sha256() for name in names}
    store: EpisodeStore | None = None
    start = 0
    for end in tqdm(archive.episode_ends.tolist(), unit="episode", desc=f"building {dataset.name}"):
        block = _read(archive, names, start, end, path)
        for name, values in block.items():
            digests[name].update(values.tobytes())
        try:
            episode = convert({name.split("/", 1)[1]: values for name, values in block.items()})
        except (ValueError, IndexError) as error:
            raise DataError(f"{path} holds arrays of another shape ({error}); it is another data set.") from error
        if store is None:
            arrays = {name: (values.shape[1:], values.dtype.name) for name, values in episode.items()}
            attributes = {"dataset": dataset.name, "source": dataset.source, "array_sha256": dict(dataset.array_sha256)}
            store = EpisodeStore.create(folder, arrays, attributes)
        store.append(episode, durable=False)
        start = end
    found = {name: digest.hexdigest() for name, digest in digests.items()}
    found["meta/episode_ends"] = hashlib.sha256(archive.episode_ends.tobytes()).hexdigest()
    if different := sorted(name for name, sha256 in dataset.array_sha256.items() if found[name] != sha256):
        raise DataError(f"{path}: the values of {', '.join(different)} are not the published ones; download it again.")


def _read(archive: Archive, names: list[str], start: int, end: int, path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        return {name: np.ascontiguousarray(archive.arrays[name][start:end]) for name in names}
    except Exception as error:  # Decoders of damaged blocks raise whatever they like.
        raise DataError(f"{path} is damaged in steps {start} to {end} ({error}); download it again.") from error
