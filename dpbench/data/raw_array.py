"""One zarr (format 2) array of uncompressed chunks along time: appendable and memory-mapped."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.data.array_description import METADATA_LIMIT_BYTES, ArrayDescription, parse_description, parse_json
from dpbench.errors import DataError
from dpbench.files.reading import Kind, read_bytes
from dpbench.files.writing import write_json

METADATA = Kind(DataError, "fetch or record the data again", METADATA_LIMIT_BYTES)


class RawArray:
    """One zarr array of raw chunks along time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[int, NDArray[Any]] = {}
        self.reload()

    def reload(self) -> None:
        """Read shape and type again.

        Raises:
            DataError: when they are damaged, or the array has another layout.
        """
        about = read_description(self._folder)
        if about.compressor is not None:
            raise DataError(f"{self._folder} is compressed; import it with `dpbench data fetch --from`.")
        if not about.shape or about.chunks[1:] != tuple(max(1, length) for length in about.shape[1:]):
            raise DataError(
                f"{self._folder / '.zarray'}: chunks is {about.chunks}, shape is {about.shape}; expected chunks that "
                "are cut along the first axis alone; store the array again with such chunks."
            )
        self.length, *rest = about.shape
        self.item_shape: tuple[int, ...] = tuple(rest)
        self.dtype: np.dtype[Any] = about.dtype
        self._rows: int = about.chunks[0]
        self._about = about

    def check_rows(self, n_rows: int) -> None:
        """Check that the first rows are there, before memory for them is taken.

        Raises:
            DataError: when the array is shorter, or a chunk is missing or of another size.
        """
        if self.length < n_rows:
            raise DataError(
                f"{self._folder}: shape counts {self.length} rows, expected {n_rows}; fetch the data again."
            )
        expected = self._rows * self.dtype.itemsize * math.prod(self.item_shape)
        for chunk in range(-(-n_rows // self._rows)):
            path = self._path(chunk)
            size = path.stat().st_size if path.is_file() else 0
            if size != expected:
                raise DataError(
                    f"{path} is missing or truncated: {size} bytes, expected {expected}; fetch the data again."
                )

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows `start` to `stop`, a copy."""
        return self.gather(np.arange(start, max(start, stop)))

    def gather(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of `indices` (any shape), a copy."""
        flat = np.asarray(indices).ravel()
        result = np.empty((len(flat), *self.item_shape), dtype=self.dtype)
        chunks = flat // self._rows
        for chunk in np.unique(chunks):
            where = chunks == chunk
            result[where] = self._map(int(chunk))[flat[where] % self._rows]
        return result.reshape(*np.shape(indices), *self.item_shape)

    def write(self, start: int, values: NDArray[Any], durable: bool) -> None:
        """Write rows from row `start` on, then the shape; bytes before `start` are not touched.

        Raises:
            DataError: for an array of a layout that is read but not written.
        """
        if self._about.order != "C" or self._about.separator != ".":
            raise DataError(
                f"{self._folder} can be read but not extended: its order is not C, or its chunks are in folders."
            )
        written = 0
        while written < len(values):
            chunk, row = divmod(start + written, self._rows)
            part = values[written : written + self._rows - row]
            self._write_chunk(chunk, row, part, durable)
            written += len(part)
        describe(self._folder, (start + len(values), *self.item_shape), self._rows, self.dtype.str)
        self.length = start + len(values)

    def _write_chunk(self, chunk: int, row: int, part: NDArray[Any], durable: bool) -> None:
        path = self._path(chunk)
        if path.is_symlink() or self._folder.is_symlink():
            raise DataError(f"{path} is a link, which could lead to any file; copy the store with its files first.")
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
                shape = (self._rows, *self.item_shape)
                self._maps[chunk] = np.memmap(self._path(chunk), self.dtype, "r", shape=shape, order=self._about.order)
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{self._path(chunk)} is missing or truncated ({error}); fetch the data again."
                ) from error
        return self._maps[chunk]

    def _path(self, chunk: int) -> Path:
        return self._folder / self._about.chunk_name((chunk, *(0 for _ in self.item_shape)))


def describe(folder: Path, shape: tuple[int, ...], rows: int, dtype: str) -> None:
    """Write the description of an array. Readers see the rows that its shape counts."""
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


def read_description(folder: Path) -> ArrayDescription:
    """The description of the array in a folder.

    Raises:
        DataError: when it is missing or damaged.
    """
    path = folder / ".zarray"
    return parse_description(_read(path), str(path))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: when it is missing or not a JSON object.
    """
    return parse_json(_read(path), str(path))


def _read(path: Path) -> bytes:
    return read_bytes(path, METADATA)  # never a device, which has no end, or a named pipe, which waits for a writer


def converted(values: NDArray[Any], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """The values in the type of their array. A plain cast would make 44 of 300 and black pictures of 0 to 1.

    Raises:
        DataError: for values that the type cannot hold.
    """
    if values.dtype.kind in "fiub":
        with np.errstate(invalid="ignore", over="ignore"):
            stored = np.ascontiguousarray(values, dtype=dtype)
        if dtype.kind == "f" or np.array_equal(stored, values):
            return stored
    reach = f" from {values.min():g} to {values.max():g}" if values.dtype.kind in "fiu" else ""
    raise DataError(
        f"array {name!r}: {values.dtype.name} values{reach} do not fit into {dtype.name}; convert them first."
    )


def array_folders(data: Path) -> list[Path]:
    """The folders of a store's arrays; none is passed over in silence.

    Raises:
        DataError: when there are none.
    """
    folders = sorted(path for path in data.iterdir() if path.name[0] != ".") if data.is_dir() else []
    if not folders:
        raise DataError(f"{data} is no folder with arrays: the store is damaged; fetch or make it again.")
    return folders
