"""Reader of the zarr archives published with Diffusion Policy (zip of a zarr format-2 ReplayBuffer).

Layout: `<any folder>/data/<array>` concatenated over time, `<any folder>/meta/episode_ends`
(real-stanford/diffusion_policy, `common/replay_buffer.py`). An unpacked folder is read too.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, ZipStore

from dpbench.data.formats import Archive
from dpbench.errors import DataError

_ENDS = "meta/episode_ends/.zarray"


def read(path: Path) -> Archive:
    """Open an archive; arrays are read slice by slice.

    Raises:
        DataError: when it is not a zip file, truncated, or without such a group.
    """
    if path.is_dir():
        inside = next((found for found in sorted(path.rglob(_ENDS))), None)
        if inside is None:
            raise DataError(f"{path} has no {_ENDS.rsplit('/', 1)[0]}; expected an unpacked diffusion_policy archive.")
        return _archive(LocalStore(inside.parents[2], read_only=True), "", path)
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a complete zip archive ({error}); download it again.") from error
    prefix = next((name[: -len(_ENDS)] for name in names if name.endswith(_ENDS)), None)
    if prefix is None:
        raise DataError(f"{path} has no {_ENDS.rsplit('/', 1)[0]}: it is not a diffusion_policy archive.")
    return _archive(ZipStore(path, mode="r"), prefix.rstrip("/"), path)


def _archive(store: Any, prefix: str, path: Path) -> Archive:
    try:
        group: Any = zarr.open_group(store, path=prefix, mode="r", zarr_format=2)
        arrays = {f"data/{name}": array for name, array in group["data"].arrays()}
        ends = np.asarray(group["meta/episode_ends"][:], dtype=np.int64)
    except (KeyError, ValueError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); download it again.") from error
    if len(ends) == 0 or np.any(np.diff(ends, prepend=0) < 1):
        raise DataError(f"{path}: the episode ends do not increase; download it again.")
    for name, array in arrays.items():
        if array.shape[0] != ends[-1]:
            raise DataError(f"{path}: array {name!r} has {array.shape[0]} steps, the episodes have {ends[-1]}.")
    return Archive(arrays, ends)
