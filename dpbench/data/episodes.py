"""The episode store: a zarr (format 2) folder in the layout of the field's ReplayBuffer, appendable and crash-safe.

    <store>.zarr/data/<array>/       steps of all episodes, one episode after another, in uncompressed chunks
    <store>.zarr/meta/episode_ends/  cumulative ends, int64
    <store>.zarr/meta/start_seed/    seed of each episode's reset, int64; -1 where it is unknown
    <store>.zarr/meta/attempt/       attempts that failed before each episode, int64; -1 where it is unknown

Chunks are raw, so that they are memory-mapped; any zarr library reads the folder (`zarr.open`), and so does
diffusion_policy's ReplayBuffer. A new store appears under its name when it is complete. Appending writes only bytes
after the last committed step, then the shapes, and last the shape of `episode_ends`, which is renamed into place: that
is the commit. What a crash leaves after it is ignored. Stores without the last two arrays are read and appended to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.public import own_dataset
from dpbench.data.raw_array import RawArray, array_folders, converted, describe, read_description, read_json
from dpbench.data.root import data_root, pointed
from dpbench.data.windows import are_cumulative
from dpbench.errors import DataError, check_whole
from dpbench.files.locks import only_writer, working_on
from dpbench.files.writing import new_folder, write_json
from dpbench.spec import TaskSpec

CHUNK_BYTES = 2 * 1024 * 1024
ENDS = "meta/episode_ends"
ENDS_CHUNK = 1024
START_SEED, ATTEMPT = "meta/start_seed", "meta/attempt"
UNKNOWN = -1
"""Stands for a start seed or an attempt that was not given."""


class EpisodeStore:
    """Episodes on disk; open it with `EpisodeStore.open` or `EpisodeStore.create`.

    Attributes:
        path: the folder.
        attributes: free JSON about the data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The zarr library writes no .zattrs for a group without attributes.
        self.attributes: dict[str, Any] = read_json(path / ".zattrs") if (path / ".zattrs").exists() else {}
        # First: a writer commits them last, so that the arrays read afterwards have at least as many steps.
        self._ends = RawArray(path / ENDS)
        self._arrays = {
            folder.name: RawArray(folder)
            for folder in array_folders(path / "data")
            # A single number, such as the rate of the recording, has no steps.
            if read_description(folder).shape
        }
        self._check()

    @classmethod
    def open(cls, path: Path) -> EpisodeStore:
        """Open a store.

        Raises:
            DataError: when it is missing or damaged.
        """
        if not (path / ENDS / ".zarray").exists():
            raise DataError(f"{path} is not an episode store: expected a folder with {ENDS}; see `dpbench data`.")
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
            path: folder, which must not exist or be empty.
            arrays: name -> (shape of one step, numpy dtype name).
            attributes: free JSON about the data.

        Raises:
            DataError: when the folder is not empty, no array is named, or the disk is full.
            BusyError: when another process is making it.
        """
        if not arrays:
            raise DataError(f"{path}: a store needs at least one array.")
        with working_on(path):
            if path.exists() and any(path.iterdir()):
                raise DataError(f"{path} holds a store or other files already; move it away, or choose another name.")
            with new_folder(path) as temporary:
                for name, (shape, dtype) in arrays.items():
                    item = np.dtype(dtype).itemsize * int(np.prod(shape))
                    describe(temporary / "data" / name, (0, *shape), max(1, CHUNK_BYTES // item), dtype)
                for group in (temporary, temporary / "data", temporary / "meta"):
                    write_json(group / ".zgroup", {"zarr_format": 2})
                write_json(temporary / ".zattrs", attributes or {})
                describe(temporary / ENDS, (0,), ENDS_CHUNK, "int64")
        return cls(path)

    @property
    def episode_ends(self) -> NDArray[np.int64]:
        """Cumulative ends, `(E,)`."""
        return self._ends.read(0, self._ends.length).reshape(-1).astype(np.int64)  # (E, 1) -> (E,)

    @property
    def n_episodes(self) -> int:
        """Number of committed episodes."""
        return int(self._ends.length)

    @property
    def n_steps(self) -> int:
        """Number of committed steps."""
        return int(self._ends.read(self.n_episodes - 1, self.n_episodes).item()) if self.n_episodes else 0

    @property
    def start_seeds(self) -> NDArray[np.int64]:
        """Seed of the environment's reset at the start of each episode, `(E,)`; -1 where it is unknown."""
        return self._numbers(START_SEED)

    @property
    def attempts(self) -> NDArray[np.int64]:
        """Attempts that failed before each episode, `(E,)`; -1 where it is unknown."""
        return self._numbers(ATTEMPT)

    def keys(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(self._arrays)

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Name -> shape and numpy dtype name of one step, as `create` takes them."""
        return {name: (array.item_shape, array.dtype.name) for name, array in self._arrays.items()}

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

    def append(
        self,
        episode: Mapping[str, NDArray[Any]],
        start_seed: int = UNKNOWN,
        attempt: int = UNKNOWN,
        durable: bool = True,
    ) -> None:
        """Add one episode, completely or not at all.

        Args:
            episode: every array of the store, `(T, ...)`, of one length T >= 1.
            start_seed: seed of the environment's reset, where one began the episode.
            attempt: how many attempts failed before this one, from other starts or from the same.
            durable: flush to the disk before committing.

        Raises:
            DataError: for missing or unknown arrays, ragged lengths, wrong shapes, NaN, values that the array's type
                cannot hold, or a full disk; the store is unchanged.
            ConfigError: for a seed or an attempt that is no whole number from -1.
            BusyError: when another process is writing to it.
        """
        checked = self._checked(episode)
        for what, number in (("start_seed", start_seed), ("attempt", attempt)):
            check_whole(what, number, UNKNOWN, 2**63 - 1)
        try:
            with only_writer(self.path):
                self._ends.reload()
                start = self.n_steps
                stop = start + len(next(iter(checked.values())))
                for name, values in checked.items():
                    self._arrays[name].write(start, values, durable)
                self._write_number(START_SEED, start_seed, durable)
                self._write_number(ATTEMPT, attempt, durable)
                end = np.array([stop], dtype=self._ends.dtype).reshape(1, *self._ends.item_shape)
                self._ends.write(self.n_episodes, end, durable)
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

    def _numbers(self, name: str) -> NDArray[np.int64]:
        values = np.full(self.n_episodes, UNKNOWN)
        if (self.path / name / ".zarray").exists():
            array = RawArray(self.path / name)
            known = min(array.length, self.n_episodes)
            _check_whole_numbers(array, self.path / name)
            array.check_rows(known)
            values[:known] = array.read(0, known).reshape(-1)
        return values

    def _write_number(self, name: str, value: int, durable: bool) -> None:
        """Write the next episode's number, and -1 for the episodes before it that have none."""
        folder = self.path / name
        if not (folder / ".zarray").exists():
            if value == UNKNOWN:
                return
            describe(folder, (0,), ENDS_CHUNK, "int64")
        array = RawArray(folder)
        known = min(array.length, self.n_episodes)
        array.write(known, np.array([UNKNOWN] * (self.n_episodes - known) + [value], dtype=np.int64), durable)

    def _array(self, key: str) -> RawArray:
        if key not in self._arrays:
            raise DataError(f"{self.path} has no array {key!r}; it has {', '.join(self._arrays)}.")
        return self._arrays[key]

    def _check(self) -> None:
        _check_whole_numbers(self._ends, self.path / ENDS)
        self._ends.check_rows(self.n_episodes)
        if not are_cumulative(self.episode_ends):
            raise DataError(f"{self.path}: {ENDS} does not increase; the store is damaged, fetch it again.")
        for array in self._arrays.values():
            array.check_rows(self.n_steps)

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
            checked[name] = converted(np.asarray(values), array.dtype, name)
            if array.dtype.kind == "f" and not np.isfinite(checked[name]).all():
                raise DataError(f"array {name!r} holds NaN or infinite values; nothing was saved.")
        return checked


def _check_whole_numbers(array: RawArray, folder: Path) -> None:
    """One whole number an episode: `(E,)`, or `(E, 1)` as some writers store it."""
    if array.dtype.kind not in "iu" or array.item_shape not in ((), (1,)):
        raise DataError(
            f"{folder} holds {array.dtype.name} of shape {(array.length, *array.item_shape)}, expected whole "
            "numbers of shape (episodes,); fetch or record the data again."
        )


def step_shapes(episode: Mapping[str, NDArray[Any]]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> shape and dtype name of one step of `(T, ...)` arrays, as `EpisodeStore.create` takes them."""
    return {name: (values.shape[1:], values.dtype.name) for name, values in episode.items()}


def store_name(task: TaskSpec) -> str:
    """Name of a task's demonstrations: that of the published data set, else the task's own."""
    dataset = own_dataset(task)
    return dataset.name if dataset is not None else task.id.rsplit("/", 1)[-1]


def open_store(name_or_path: str, data_dir: str | None = None) -> EpisodeStore:
    """The store at a path, or of that name in the data root.

    Raises:
        DataError: when there is none.
    """
    path = Path(name_or_path)
    if not (path.is_absolute() or path.suffix == ".zarr" or (path / ".zgroup").exists()):
        path = data_root(data_dir) / f"{name_or_path}.zarr"
        if pointed(data_dir) and not path.exists():
            raise DataError(f"there is no {path}{pointed(data_dir)}; get it with: dpbench data fetch")
    return EpisodeStore.open(path)


def open_task_data(task: TaskSpec, data_dir: str | None = None) -> EpisodeStore:
    """The demonstrations of a task.

    Raises:
        DataError: when the task has none, or they have not been fetched.
    """
    path = data_root(data_dir) / f"{store_name(task)}.zarr"
    if not path.exists():
        fetch = f"data fetch {store_name(task)}" if own_dataset(task) is not None else f"demos generate {task.id}"
        missing = f"the demonstrations of {task.id} are not in {path}{pointed(data_dir)}"
        raise DataError(f"{missing}; get them with: dpbench {fetch}")
    return EpisodeStore.open(path)
