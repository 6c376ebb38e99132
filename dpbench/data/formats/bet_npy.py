"""Reader of the arrays published with Behavior Transformers (notmahi/bet): three `.npy` files in a folder.

`<name>_observations.npy` (N, T, Do), `<name>_actions.npy` (N, T, Da) and `<name>_masks.npy` (N, T): N episodes
padded to T steps; the sum of a mask is the length of its episode. As an archive they are `data/obs` and `data/action`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dpbench.data.formats import Archive
from dpbench.errors import DataError
from dpbench.files.arrays import read_header


def read(path: Path) -> Archive:
    """Open the folder with the three files.

    Raises:
        DataError: when one is missing, truncated or contains objects, or when their shapes do not fit.
    """
    folder = path if path.is_dir() else path.parent
    observations, actions, masks = (_load(folder, name) for name in ("observations", "actions", "masks"))
    if observations.ndim != 3 or actions.ndim != 3 or not (masks.shape == observations.shape[:2] == actions.shape[:2]):
        raise DataError(
            f"{folder}: observations {observations.shape}, actions {actions.shape} and masks {masks.shape} do not fit; "
            "expected (N, T, Do), (N, T, Da) and (N, T)."
        )
    inside = masks > 0
    lengths = inside.sum(axis=1)
    if (lengths < 1).any() or (inside != (np.arange(masks.shape[1]) < lengths[:, None])).any():
        raise DataError(f"{folder}: a mask is not ones followed by zeros; download the files again.")
    return Archive(
        {"data/obs": observations[inside], "data/action": actions[inside]}, np.cumsum(lengths, dtype=np.int64)
    )


def _load(folder: Path, name: str) -> NDArray[Any]:
    """The array of numbers in a file; its size is compared with what the header announces before it is read."""
    found = sorted(folder.glob(f"*_{name}.npy"))
    if len(found) != 1:
        raise DataError(f"{folder} has {len(found)} files named *_{name}.npy; expected one, as BeT publishes them.")
    try:
        with found[0].open("rb") as file:
            shape, fortran_order, dtype = read_header(file)
            begin = file.tell()
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind not in "fiub":
            raise ValueError(f"its values are {dtype}")
        if min(shape, default=0) < 1 or found[0].stat().st_size != begin + size:
            raise ValueError(f"its shape is {shape}, which does not fit its {found[0].stat().st_size:,} bytes")
        order: Literal["C", "F"] = "F" if fortran_order else "C"
        return np.asarray(np.memmap(found[0], dtype, "r", begin, shape, order))
    except Exception as error:  # numpy's parser of headers raises errors of many types
        raise DataError(f"{found[0]} is not a complete array of numbers ({error}); download it again.") from error
