"""Reader and writer of robomimic's hdf5 files (ARISE-Initiative/robomimic, `docs/datasets/overview.md`).

    data            attributes total, env_args (JSON: env_name, env_version, type, env_kwargs)
    data/demo_<i>   attributes num_samples, model_file;
                    arrays actions, states, rewards, dones, obs/<key>, next_obs/<key>;
                    augmented copies may be called demo_<i>_<word>
    mask/<filter>   names of some demos

Files of 2021 and of robosuite 1.5 have this layout in common; `env_args` and the meaning of the values differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.formats import Archive
from dpbench.data.formats.hdf5_probe import probe
from dpbench.data.formats.hdf5_safety import Attributes, check_dataset, open_inside, read_dataset
from dpbench.errors import DataError, MissingExtraError
from dpbench.files.writing import new_file

ENV_ARGS = "env_args"
_DEMO = re.compile(r"demo_([0-9]{1,9})(_.+)?")


@dataclass(frozen=True)
class Demo:
    """One episode to write.

    Attributes:
        arrays: `"actions"`, `"states"`, `"obs/<key>"`, ... -> `(T, ...)`.
        attributes: further attributes of the demo, such as `model_file`.
    """

    arrays: Mapping[str, NDArray[Any]]
    attributes: Mapping[str, Any] = field(default_factory=dict)


class _Joined:
    """One array of all demos, one demo after another, read slice by slice."""

    def __init__(self, demos: list[Any], name: str, ends: NDArray[np.int64]) -> None:
        self._demos, self._name, self._ends = demos, name, ends
        self.shape = (int(ends[-1]), *demos[0][name].shape[1:])

    def __getitem__(self, steps: slice) -> NDArray[Any]:
        start, stop, _ = steps.indices(self.shape[0])
        first, last = np.searchsorted(self._ends, [start, max(start, stop - 1)], side="right")
        begins = [0, *self._ends.tolist()]
        parts = [
            read_dataset(demo[self._name], max(0, start - begin), max(0, stop - begin))
            for demo, begin in zip(self._demos[first : last + 1], begins[first : last + 1], strict=True)
        ]
        joined: NDArray[Any] = np.concatenate(parts)
        return joined


def read(path: Path) -> Archive:
    """As `open_archive`, after the file's structure has been read in another process without a crash.

    Raises:
        MissingExtraError: without h5py.
        DataError: as `open_archive`.
    """
    _h5py()
    probe(path)
    return open_archive(path)


def open_archive(path: Path) -> Archive:
    """Open a file: demos in the order of their numbers, arrays `data/actions`, `data/states`, `data/obs/<key>`, ...

    Raises:
        MissingExtraError: without h5py.
        DataError: when it is not a complete HDF5 file, has another layout, or points to other files.
    """
    h5py = _h5py()
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path} is not a complete HDF5 file ({error}); download it again.") from error
    try:
        return _archive(h5py, file)
    except DataError as error:
        file.close()
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # h5py raises errors of many types for damaged metadata
        file.close()
        raise DataError(f"{path} is damaged ({error}); download it again.") from error


def _archive(h5py: Any, file: Any) -> Archive:
    data = open_inside(h5py, file, "data")
    names = _demo_names(data) if isinstance(data, h5py.Group) else []
    if not names:
        raise DataError("it has no data/demo_0; it is not one of robomimic's; download it again.")
    demos = [open_inside(h5py, data, name) for name in names]
    lengths = [_length(h5py, demo) for demo in demos]
    ends = np.cumsum(lengths, dtype=np.int64)
    arrays = {}
    for name in _array_names(h5py, demos[0], lengths[0]):
        item = demos[0][name].shape[1:]
        for demo_name, demo, length in zip(names, demos, lengths, strict=True):
            dataset = open_inside(h5py, demo, name)
            shape = getattr(dataset, "shape", None)
            if shape != (length, *item):
                raise DataError(
                    f"{name} of {demo_name} has shape {shape}, expected {(length, *item)} as its actions and "
                    f"{names[0]} have it; write the file again."
                )
            check_dataset(h5py, dataset)
        arrays[f"data/{name}"] = _Joined(demos, name, ends)
    about = [Attributes(demo.attrs) for demo in demos]
    for mapping in about:
        dict(mapping)  # now, while a damaged attribute does no harm
    return Archive(arrays, ends, {ENV_ARGS: _env_args(data)}, about, _filters(h5py, file, names))


def _demo_names(data: Any) -> list[str]:
    """Names of all demos, by their numbers, `demo_2` before `demo_2_aug`."""
    names = list(data)
    if unknown := next((name for name in names if not _DEMO.fullmatch(name)), None):
        raise DataError(f"data/{unknown!r:.60} is no demo; expected demo_<number>: rename it, or remove it.")

    def key(name: str) -> tuple[int, str]:
        number = name.split("_")[1]
        return int(number), name

    return sorted(names, key=key)


def _length(h5py: Any, demo: Any) -> int:
    """Steps of a demo."""
    actions = open_inside(h5py, demo, "actions")
    if actions is None:
        raise DataError(f"{demo.name} has no actions; it is not one of robomimic's; download it again.")
    check_dataset(h5py, actions)
    length = actions.shape[0] if actions.shape else 0
    counted = Attributes(demo.attrs).get("num_samples", length) if "num_samples" in demo.attrs else length
    if length < 1 or counted != length:
        raise DataError(
            f"{demo.name}: actions have shape {actions.shape}, num_samples is {counted!r:.60}; expected one row a "
            "sample; download the file again."
        )
    return int(length)


def _array_names(h5py: Any, demo: Any, length: int) -> list[str]:
    """Arrays of numbers with one row a step."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub" and (item.shape or ())[:1] == (length,):
            found.append(name)

    demo.visititems(visit)
    return found


def _env_args(data: Any) -> dict[str, Any]:
    text = Attributes(data.attrs)[ENV_ARGS] if ENV_ARGS in data.attrs else "{}"
    try:
        env_args: Any = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"its env_args are not JSON ({error}); download it again.") from error
    if not isinstance(env_args, dict) or not isinstance(env_args.get("env_kwargs", {}), dict):
        raise DataError(
            f"its env_args are {env_args!r:.80}, expected an object with env_name and env_kwargs; download it again."
        )
    return env_args


def _filters(h5py: Any, file: Any, names: list[str]) -> dict[str, NDArray[np.int64]]:
    numbers = {name: number for number, name in enumerate(names)}
    filters = {}
    for key in open_inside(h5py, file, "mask") or ():
        mask = open_inside(h5py, file, f"mask/{key}")
        check_dataset(h5py, mask, "SO")
        if mask.ndim != 1 or mask.size > len(names):
            raise DataError(f"filter {key!r:.60} is no list of names of demos; download the file again.")
        rows = read_dataset(mask, 0, mask.size)
        chosen = [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in rows]
        if unknown := next((name for name in chosen if name not in numbers), None):
            raise DataError(f"filter {key!r} names {unknown!r:.60}, which is not in the file; download it again.")
        filters[key] = np.array(sorted(numbers[name] for name in chosen), dtype=np.int64)
    return filters


def write(
    path: Path,
    demos: Iterable[Demo],
    env_args: Mapping[str, Any],
    filters: Mapping[str, Iterable[int]] | None = None,
) -> None:
    """Write a file under a temporary name, then rename it.

    Args:
        path: must not exist.
        demos: in order; read one at a time.
        env_args: environment, as robomimic's `EnvRobosuite.serialize` gives it.
        filters: name -> numbers of demos.

    Raises:
        MissingExtraError: without h5py.
        DataError: for ragged or missing arrays, unknown numbers, a taken name, a full disk; no partial file is left.
    """
    h5py = _h5py()
    if path.exists():
        raise DataError(f"{path} exists already; move it away, or choose another name.")
    try:
        with new_file(path) as temporary, h5py.File(temporary, "w") as file:
            data = file.create_group("data")
            lengths = [_write_demo(data, f"demo_{number}", demo) for number, demo in enumerate(demos)]
            data.attrs["total"] = sum(lengths)
            data.attrs[ENV_ARGS] = json.dumps(env_args, indent=4)
            for name, numbers in (filters or {}).items():
                chosen = list(numbers)
                if not set(chosen) <= set(range(len(lengths))):
                    raise DataError(f"filter {name!r}: expected numbers of the {len(lengths)} demos, got {chosen}.")
                file[f"mask/{name}"] = np.array([f"demo_{number}" for number in chosen], dtype="S")
    except OSError as error:
        raise DataError(f"{path}: not written ({error}); free some space and run again.") from error


def _write_demo(data: Any, name: str, demo: Demo) -> int:
    lengths = {key: len(values) for key, values in demo.arrays.items()}
    if "actions" not in lengths or len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise DataError(f"{name}: expected actions and all arrays of one length of at least 1, got {lengths}.")
    group = data.create_group(name)
    for key, values in demo.arrays.items():
        group[key] = values
    group.attrs.update({"num_samples": lengths["actions"], **demo.attributes})
    return lengths["actions"]


def _h5py() -> Any:
    try:
        import h5py  # in an extra
    except ImportError as error:
        raise MissingExtraError(f"hdf5 files need h5py ({error}); pip install 'dpbench[robosuite]'") from error
    return h5py
