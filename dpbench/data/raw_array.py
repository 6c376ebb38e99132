"""One zarr (format 2) array of uncompressed chunks along time: appendable and memory-mapped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.files import write_json


class RawArray:
    """One zarr array of raw chunks along time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[int, NDArray[Any]] = {}
        self.reload()

    def reload(self) -> None:
        """Read shape and type again."""
        description = read_json(self._folder / ".zarray")
        try:
            if description["compressor"] is not None or description["filters"]:
                raise DataError(f"{self._folder} is compressed; import it with `dpbench data fetch --from`.")
            self.length, *rest = description["shape"]
            self.item_shape: tuple[int, ...] = tuple(rest)
            self._rows: int = description["chunks"][0]
            self.dtype: np.dtype[Any] = np.dtype(description["dtype"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(
                f"{self._folder / '.zarray'} does not describe an array ({error}); fetch the data again."
            ) from error

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
        """Write rows from row `start` on, then the shape; bytes before `start` are not touched."""
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: when it is missing or not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch or record the data again.") from error
    return content
