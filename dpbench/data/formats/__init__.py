"""Public data formats: name -> "module:function" of `(path) -> Archive`. robomimic's format is also written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.registry import registry

FORMATS = {
    "diffusion-policy-zarr": "dpbench.data.formats.diffusion_policy_zarr:read",
    "bet-npy": "dpbench.data.formats.bet_npy:read",
    "robomimic-hdf5": "dpbench.data.formats.robomimic_hdf5:read",
}


class SlicedArray(Protocol):
    """An array that is read slice by slice."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Steps first."""
        ...

    def __getitem__(self, steps: slice) -> Any:
        """The values of some steps."""
        ...


@dataclass(frozen=True)
class Archive:
    """A public data set as a reader opens it.

    Attributes:
        arrays: name (`"data/action"`) -> steps of all episodes, one episode after another.
        episode_ends: cumulative ends, `(E,)`.
        attributes: metadata of the archive, such as the environment it was recorded in.
        episodes: metadata of each episode; empty where the format has none.
        filters: name -> numbers of the episodes that the archive lists under it.
    """

    arrays: Mapping[str, SlicedArray]
    episode_ends: NDArray[np.int64]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    episodes: Sequence[Mapping[str, Any]] = ()
    filters: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


def open_archive(name: str, path: Path) -> Archive:
    """Open an archive with the reader of that name.

    Raises:
        UnknownNameError: for a format that is not installed.
        DataError: when the archive cannot be read, or the reader returns something else.
    """
    read = registry("format").load(name)
    if not (os.path.isfile(path) or os.path.isdir(path)):  # a device would be read without end
        raise DataError(f"{path} is neither a file nor a folder; name an archive, or the folder it is in.")
    archive: object = read(path) if callable(read) else None
    if not isinstance(archive, Archive):
        raise DataError(f"format {name!r} is {read!r}, expected a function from a path to an Archive.")
    return archive
