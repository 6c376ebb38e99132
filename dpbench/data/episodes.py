"""The episode store: a zarr (format 2) folder in the layout of the field's ReplayBuffer, appendable and crash-safe.

    <store>.zarr/data/<array>/       time first, all episodes behind each other, uncompressed chunks along time
    <store>.zarr/meta/episode_ends/  cumulative ends, int64

Chunks are raw, so that they are memory-mapped; any zarr library reads the folder (`zarr.open`), and so does
diffusion_policy's ReplayBuffer. Appending writes only bytes behind the last committed step, then the shapes, and last
the shape of `episode_ends`, which is renamed into place: that is the commit. What a crash leaves behind it is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.files import write_json
from dpbench.spec import TaskSpec

CHUNK_BYTES = 2 * 1024 * 1024
ENDS = "meta/episode_ends"
ENDS_CHUNK = 1024


class EpisodeStore:
    """Episodes on disk; open it with `EpisodeStore.open` or `EpisodeStore.create`.

    Attributes:
        path: the folder.
        attributes: free JSON about the data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attributes: dict[str, Any] = _read_json(path / ".zattrs")
        self._arrays = {
            folder.name: _Array(folder) for folder in sorted((path / "data").glob("*")) if (folder / ".zarray").exists()
        }
        self._ends = _Array(path / ENDS)
        self._check()

    @classmethod
    def open(cls, path: Path) -> EpisodeStore:
        """Open a store.

        Raises:
            DataError: when it is missing or broken.
        """
        if not (path / ENDS / ".zarray").exists():
            raise DataError(f"{path} is no episode store: expected a folder with {ENDS}; see `dpbench data`.")
        return cls(path)

    @classmethod
    def create(
        cls,
        path: Path,
        arrays: Mapping[str, tuple[tuple[int, ...], str]],
        attributes: Mapping[str, Any] | None = None,
    ) -> EpisodeStore:
        """Make an empty store.

        Args:
            path: folder, which must not hold a store yet.
            arrays: name -> (shape of one step, numpy dtype name).
            attributes: free JSON about the data.

        Raises:
            DataError: when there is a store already, or no array.
        """
        if (path / ".zgroup").exists():
            raise DataError(f"{path} holds a store already; open it, or choose another name.")
        if not arrays:
            raise DataError(f"{path}: a store needs at least one array.")
        for name, (shape, dtype) in arrays.items():
            item = np.dtype(dtype).itemsize * int(np.prod(shape))
            _describe(path / "data" / name, (0, *shape), max(1, CHUNK_BYTES // item), dtype)
        for group in (path, path / "data", path / "meta"):
            write_json(group / ".zgroup", {"zarr_format": 2})
        write_json(path / ".zattrs", attributes or {})
        _describe(path / ENDS, (0,), ENDS_CHUNK, "int64")
        return cls(path)

    @property
    def episode_ends(self) -> NDArray[np.int64]:
        """Cumulative ends, `(E,)`."""
        return self._ends.read(0, self._ends.length)

    @property
    def n_episodes(self) -> int:
        """Number of committed episodes."""
        return int(self._ends.length)

    @property
    def n_steps(self) -> int:
        """Number of committed steps."""
        return int(self._ends.read(self.n_episodes - 1, self.n_episodes)[0]) if self.n_episodes else 0

    def keys(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(self._arrays)

    def item(self, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and dtype of one step of an array."""
        array = self._array(key)
        return array.item_shape, array.dtype

    def read(self, key: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Steps `start` to `stop` (all by default), `(T, ...)`, a copy."""
        n_steps = self.n_steps
        return self._array(key).read(start, n_steps if stop is None else min(stop, n_steps))

    def gather(self, key: str, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The steps of `indices` (any shape), `(*indices.shape, ...)`."""
        return self._array(key).gather(indices)

    def append(self, episode: Mapping[str, NDArray[Any]], durable: bool = True) -> None:
        """Add one episode, whole or not at all.

        Args:
            episode: every array of the store, `(T, ...)`, of one length T >= 1.
            durable: flush to the disk before committing.

        Raises:
            DataError: for missing or unknown arrays, ragged lengths, wrong shapes, NaN, a full disk, or another
                process that is writing; the store is unchanged.
        """
        checked = self._checked(episode)
        try:
            with FileLock(str(self.path / ".lock"), timeout=0):
                self._ends.reload()
                start = self.n_steps
                stop = start + len(next(iter(checked.values())))
                for name, values in checked.items():
                    self._arrays[name].write(start, values, durable)
                self._ends.write(self.n_episodes, np.array([stop], dtype=np.int64), durable)
        except Timeout as error:
            raise DataError(f"{self.path} is being written by another process; wait for it.") from error
        except OSError as error:
            raise DataError(f"{self.path}: episode not saved ({error}); free some space and try again.") from error

    def fingerprint(self, keys: Sequence[str] | None = None) -> str:
        """SHA-256 over names, shapes, episode ends and values of some arrays (all by default)."""
        digest = hashlib.sha256(self.episode_ends.tobytes())
        for key in sorted(keys or self.keys()):
            shape, dtype = self.item(key)
            digest.update(f"{key}{shape}{dtype.str}".encode())
            for start in range(0, self.n_steps, 4096):
                digest.update(np.ascontiguousarray(self.read(key, start, start + 4096)).tobytes())
        return digest.hexdigest()

    def _array(self, key: str) -> _Array:
        if key not in self._arrays:
            raise DataError(f"{self.path} has no array {key!r}; it has {', '.join(self._arrays)}.")
        return self._arrays[key]

    def _check(self) -> None:
        ends = self.episode_ends
        if np.any(np.diff(ends, prepend=0) < 1):
            raise DataError(f"{self.path}: the episode ends do not increase; the store is broken, fetch it again.")
        for name, array in self._arrays.items():
            if array.length < self.n_steps:
                raise DataError(
                    f"{self.path}: array {name!r} has {array.length} steps, the episodes have {self.n_steps}; "
                    "fetch it again."
                )

    def _checked(self, episode: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if set(episode) != set(self._arrays):
            raise DataError(f"an episode of {self.path.name} has {sorted(self._arrays)}, got {sorted(episode)}.")
        lengths = {name: len(values) for name, values in episode.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise DataError(f"the arrays of an episode must have one length of at least 1, got {lengths}.")
        checked = {}
        for name, values in episode.items():
            array = self._arrays[name]
            if np.shape(values)[1:] != array.item_shape:
                raise DataError(
                    f"array {name!r}: steps have shape {np.shape(values)[1:]}, expected {array.item_shape}."
                )
            checked[name] = np.ascontiguousarray(values, dtype=array.dtype)
            if array.dtype.kind == "f" and not np.isfinite(checked[name]).all():
                raise DataError(f"array {name!r} holds NaN or infinite values; nothing was saved.")
        return checked


class _Array:
    """One zarr array of raw chunks along time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[int, NDArray[Any]] = {}
        self.reload()

    def reload(self) -> None:
        """Read shape and type again."""
        description = _read_json(self._folder / ".zarray")
        try:
            if description["compressor"] is not None or description["filters"]:
                raise DataError(f"{self._folder} is compressed; import it with `dpbench data fetch --from`.")
            self.length, *rest = description["shape"]
            self.item_shape: tuple[int, ...] = tuple(rest)
            self._rows: int = description["chunks"][0]
            self.dtype: np.dtype[Any] = np.dtype(description["dtype"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{self._folder / '.zarray'} is no array description ({error}); fetch it again.") from error

    def read(self, start: int, stop: int) -> NDArray[Any]:
        return self.gather(np.arange(start, max(start, stop)))

    def gather(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        flat = np.asarray(indices).ravel()
        result = np.empty((len(flat), *self.item_shape), dtype=self.dtype)
        chunks = flat // self._rows
        for chunk in np.unique(chunks):
            where = chunks == chunk
            result[where] = self._map(int(chunk))[flat[where] % self._rows]
        return result.reshape(*np.shape(indices), *self.item_shape)

    def write(self, start: int, values: NDArray[Any], durable: bool) -> None:
        """Put rows behind row `start`, then the shape; bytes before `start` are never touched."""
        written = 0
        while written < len(values):
            chunk, row = divmod(start + written, self._rows)
            part = values[written : written + self._rows - row]
            self._write_chunk(chunk, row, part, durable)
            written += len(part)
        _describe(self._folder, (start + len(values), *self.item_shape), self._rows, self.dtype.str)
        self.length = start + len(values)

    def _write_chunk(self, chunk: int, row: int, part: NDArray[Any], durable: bool) -> None:
        path = self._path(chunk)
        item = self.dtype.itemsize * int(np.prod(self.item_shape))
        with path.open("r+b" if path.exists() else "w+b") as file:
            if os.fstat(file.fileno()).st_size < self._rows * item:
                file.truncate(self._rows * item)
            file.seek(row * item)
            file.write(part.tobytes())
            if durable:
                file.flush()
                os.fsync(file.fileno())

    def _map(self, chunk: int) -> NDArray[Any]:
        if chunk not in self._maps:
            try:
                self._maps[chunk] = np.memmap(self._path(chunk), self.dtype, "r", shape=(self._rows, *self.item_shape))
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{self._path(chunk)} is missing or truncated ({error}); fetch the data again."
                ) from error
        return self._maps[chunk]

    def _path(self, chunk: int) -> Path:
        return self._folder / ".".join([str(chunk), *("0" for _ in self.item_shape)])


def data_root(explicit: str | None = None) -> Path:
    """Where stores live: `explicit`, else the environment variable DPBENCH_DATA, else `./data`."""
    return Path(explicit or os.environ.get("DPBENCH_DATA") or "data")


def open_task_data(task: TaskSpec, data_dir: str | None = None) -> EpisodeStore:
    """The demonstrations of a task.

    Raises:
        DataError: when the task has none, or they have not been fetched.
    """
    if task.dataset is None:
        raise DataError(f"{task.id} has no published demonstrations; record some: dpbench demos record.")
    path = data_root(data_dir) / f"{task.dataset.name}.zarr"
    if not path.exists():
        raise DataError(
            f"the demonstrations of {task.id} are not in {path}; get them with: dpbench data fetch {task.dataset.name}"
        )
    return EpisodeStore.open(path)


def _describe(folder: Path, shape: tuple[int, ...], rows: int, dtype: str) -> None:
    write_json(
        folder / ".zarray",
        {
            "zarr_format": 2,
            "shape": list(shape),
            "chunks": [rows, *shape[1:]],
            "dtype": np.dtype(dtype).str,
            "compressor": None,
            "fill_value": 0,
            "order": "C",
            "filters": None,
        },
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch or record the data again.") from error
    return content
