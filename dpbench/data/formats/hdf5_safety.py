"""What may be read of an hdf5 file: arrays of numbers that lie in the file itself, in bounded memory.

An hdf5 file can point to other files (external links, external and virtual storage), can declare arrays far larger than
itself, and can hold chunks that inflate without a bound. All of that is refused.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from dpbench.data.array_description import CHUNK_COUNT_LIMIT, CHUNK_LIMIT_BYTES, METADATA_LIMIT_BYTES
from dpbench.data.formats.chunks import READ_LIMIT_BYTES
from dpbench.errors import DataError

_DEFLATE, _SHUFFLE = 1, 2
_PIPELINES = ((), (_SHUFFLE,), (_DEFLATE,), (_SHUFFLE, _DEFLATE))
"""Filters of h5py's `shuffle` and `compression="gzip"`, by their numbers in HDF5."""


def open_inside(h5py: Any, group: Any, name: str) -> Any:
    """The group or dataset at a name, None where there is none.

    Raises:
        DataError: when a link on the way leads to another place or file.
    """
    found = group
    for part in name.split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{found.name}/{part} is a link to another place; copy the data into the file.")
        found = found[part]
    return found


def check_dataset(h5py: Any, dataset: Any, kinds: str = "fiub") -> None:
    """Check what a dataset declares, before memory for it is taken.

    Args:
        h5py: the module.
        dataset: what stands under the name.
        kinds: of numpy's types that are expected; numbers, unless said.

    Raises:
        DataError: for anything but stored numbers of a bounded size; the message names the dataset.
    """
    name = getattr(dataset, "name", None)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in kinds:
        what = "numbers" if kinds == "fiub" else "names"
        raise DataError(f"{name} holds no {what}; download the file again.")
    if dataset.external or dataset.is_virtual:
        raise DataError(f"{name} keeps its values in another file; copy them into this one.")
    size = dataset.dtype.itemsize * math.prod(dataset.shape)
    if size > READ_LIMIT_BYTES:
        raise DataError(
            f"{name} takes {size:,} bytes, more than READ_LIMIT_BYTES = {READ_LIMIT_BYTES:,}; cut the demo."
        )
    if _pipeline(dataset) not in _PIPELINES:
        raise DataError(f"{name} is packed by other filters than shuffle and gzip; write it again with those.")
    if dataset.chunks is None:
        if dataset.id.get_storage_size() != size:
            raise DataError(
                f"{name} has the shape {dataset.shape}, its values are not stored; download the file again."
            )
        return
    n_chunks = math.prod(-(-length // rows) for length, rows in zip(dataset.shape, dataset.chunks, strict=True))
    if n_chunks > CHUNK_COUNT_LIMIT or _chunk_bytes(dataset) > CHUNK_LIMIT_BYTES:
        raise DataError(
            f"{name} has {n_chunks:,} chunks of {_chunk_bytes(dataset):,} bytes, expected at most CHUNK_COUNT_LIMIT = "
            f"{CHUNK_COUNT_LIMIT:,} of at most CHUNK_LIMIT_BYTES = {CHUNK_LIMIT_BYTES:,}; write it again with others."
        )
    if dataset.id.get_num_chunks() != n_chunks:
        raise DataError(f"{name} lacks some of its {n_chunks} chunks; download the file again.")


def read_dataset(dataset: Any, start: int, stop: int) -> Any:
    """Rows of a checked dataset.

    Raises:
        DataError: for a chunk that inflates to more or less than its shape.
    """
    if dataset.chunks is not None and _DEFLATE in _pipeline(dataset):
        for number in range(dataset.id.get_num_chunks()):
            chunk = dataset.id.get_chunk_info(number)
            skipped = chunk.filter_mask >> _pipeline(dataset).index(_DEFLATE) & 1
            if not skipped and not _inflates(dataset, chunk):
                raise DataError(
                    f"{dataset.file.filename}: {dataset.name} has a chunk that does not inflate to its "
                    f"{_chunk_bytes(dataset)} bytes; download the file again."
                )
    return dataset[start:stop]


def _inflates(dataset: Any, chunk: Any) -> bool:
    """Whether a chunk inflates to its size; tried in bounded memory, which HDF5's own filter is not."""
    expected = _chunk_bytes(dataset)
    if chunk.size > expected + expected // 8 + 4096:
        return False
    _, stored = dataset.id.read_direct_chunk(chunk.chunk_offset)
    try:
        return len(zlib.decompressobj().decompress(stored, expected + 1)) == expected
    except zlib.error:
        return False


def _chunk_bytes(dataset: Any) -> int:
    return int(dataset.dtype.itemsize * math.prod(dataset.chunks))


def _pipeline(dataset: Any) -> tuple[int, ...]:
    plan = dataset.id.get_create_plist()
    return tuple(plan.get_filter(number)[0] for number in range(plan.get_nfilters()))


class Attributes(Mapping[str, Any]):
    """Single values among the attributes of a group, read when they are asked for."""

    def __init__(self, attributes: Any) -> None:
        self._attributes = attributes

    def __getitem__(self, name: str) -> Any:
        found = self._attributes.get_id(name)
        if found.shape != () or found.get_storage_size() > METADATA_LIMIT_BYTES:
            raise KeyError(name)
        return self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._attributes if self._attributes.get_id(name).shape == ())

    def __len__(self) -> int:
        return sum(1 for _ in self)
