"""Reader and writer of robomimic's hdf5 files (ARISE-Initiative/robomimic, `docs/datasets/overview.md`).

    data            attributes total, env_args (JSON: env_name, env_version, type, env_kwargs)
    data/demo_<i>   attributes num_samples, model_file;
                    arrays actions, states, rewards, dones, obs/<key>, next_obs/<key>
    mask/<filter>   names of some demos

Files of 2021 and of robosuite 1.5 have this layout in common; `env_args` and the meaning of the values differ.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.formats import Archive
from dpbench.errors import DataError, MissingExtraError

ENV_ARGS = "env_args"
_DEMO = re.compile(r"demo_\d+")


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
            demo[self._name][max(0, start - begin) : max(0, stop - begin)]
            for demo, begin in zip(self._demos[first : last + 1], begins[first : last + 1], strict=True)
        ]
        joined: NDArray[Any] = np.concatenate(parts)
        return joined


def read(path: Path) -> Archive:
    """Open a file: demos in the order of their numbers, arrays `data/actions`, `data/states`, `data/obs/<key>`, ...

    Raises:
        MissingExtraError: without h5py.
        DataError: when it is not a complete HDF5 file, or has another layout.
    """
    h5py = _h5py()
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path} is not a complete HDF5 file ({error}); download it again.") from error
    try:
        return _archive(h5py, file, path)
    except DataError:
        file.close()
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # what h5py raises for damaged metadata
        file.close()
        raise DataError(f"{path} is damaged ({error}); download it again.") from error


def _archive(h5py: Any, file: Any, path: Path) -> Archive:
    data = file.get("data")
    inside = data if isinstance(data, h5py.Group) else ()
    names = sorted((name for name in inside if _DEMO.fullmatch(name)), key=lambda name: int(name[5:]))
    if not names:
        raise DataError(f"{path} has no data/demo_0; expected one of robomimic's files.")
    demos = [data[name] for name in names]
    if lacking := next((name for name, demo in zip(names, demos, strict=True) if "actions" not in demo), None):
        raise DataError(f"{path}: {lacking} has no actions; expected one of robomimic's files.")
    lengths = [len(demo["actions"]) for demo in demos]
    ends = np.cumsum(lengths, dtype=np.int64)
    arrays = {}
    for name in _array_names(h5py, demos[0], lengths[0]):
        item = demos[0][name].shape[1:]
        for demo_name, demo, length in zip(names, demos, lengths, strict=True):
            shape = demo[name].shape if name in demo else None
            if shape != (length, *item) or length == 0:
                raise DataError(
                    f"{path}: {name} of {demo_name} has shape {shape}, expected {(max(length, 1), *item)} as its "
                    "actions and demo_0 have it."
                )
        arrays[f"data/{name}"] = _Joined(demos, name, ends)
    about = [demo.attrs for demo in demos]  # mappings that read on demand
    return Archive(arrays, ends, {ENV_ARGS: _env_args(data, path)}, about, _filters(file, names, path))


def _array_names(h5py: Any, demo: Any, length: int) -> list[str]:
    """Arrays of numbers with one row a step."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub" and item.shape[:1] == (length,):
            found.append(name)

    demo.visititems(visit)
    return found


def _env_args(data: Any, path: Path) -> dict[str, Any]:
    try:
        env_args: Any = json.loads(data.attrs.get(ENV_ARGS, "{}"))
    except ValueError as error:
        raise DataError(f"{path}: its env_args are not JSON ({error}); download it again.") from error
    if not isinstance(env_args, dict) or not isinstance(env_args.get("env_kwargs", {}), dict):
        raise DataError(f"{path}: its env_args are {env_args!r}; expected an object with env_name and env_kwargs.")
    return env_args


def _filters(file: Any, names: list[str], path: Path) -> dict[str, NDArray[np.int64]]:
    numbers = {name: number for number, name in enumerate(names)}
    filters = {}
    for key, mask in (file.get("mask") or {}).items():
        chosen = [name.decode() if isinstance(name, bytes) else str(name) for name in mask[()]]
        if unknown := next((name for name in chosen if name not in numbers), None):
            raise DataError(f"{path}: filter {key!r} names {unknown!r}, which is not in the file.")
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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            data = file.create_group("data")
            lengths = [_write_demo(data, f"demo_{number}", demo) for number, demo in enumerate(demos)]
            data.attrs["total"] = sum(lengths)
            data.attrs[ENV_ARGS] = json.dumps(env_args, indent=4)
            for name, numbers in (filters or {}).items():
                chosen = list(numbers)
                if not set(chosen) <= set(range(len(lengths))):
                    raise DataError(f"filter {name!r}: expected numbers of the {len(lengths)} demos, got {chosen}.")
                file[f"mask/{name}"] = np.array([f"demo_{number}" for number in chosen], dtype="S")
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: not written ({error}); free some space and run again.") from error
    finally:
        temporary.unlink(missing_ok=True)


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
