"""The description of a zarr array (format 2, `.zarray`), checked before a byte of the array is read.

Only arrays of plain numbers pass, and the limits below bound the memory that reading takes. The zarr library is not
asked: it makes any codec that a file names, `pickle` among them, and it inflates chunks without a bound.

Source: zarr storage specification, version 2, "Arrays" (zarr-specs, `docs/v2/v2.0.rst`).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dpbench.errors import DataError

METADATA_LIMIT_BYTES = 1 << 20
"""Largest JSON file of a store or archive."""
CHUNK_LIMIT_BYTES = 1 << 29
"""Largest chunk, uncompressed. The field's archives have chunks of about 2 MB."""
CHUNK_COUNT_LIMIT = 1_000_000
"""Most chunks of an array."""
COMPRESSORS = ("blosc", "bz2", "gzip", "lz4", "zlib", "zstd")
_NUMBERS = re.compile(r"\|b1|[<>|][iu]1|[<>][iu][248]|[<>]f[248]")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class ArrayDescription:
    """A checked `.zarray`.

    Attributes:
        shape: of the array, steps first; empty for a single number.
        chunks: shape of a chunk; the last chunk along an axis may reach beyond the array.
        dtype: bool, integer or float.
        order: of the values in a chunk, `"C"` (last index fastest) or `"F"` (first index fastest).
        compressor: name of one of `COMPRESSORS`, or None.
        fill: value of chunks that are not stored, None when the file names none.
        separator: between the numbers in a chunk's file name.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    compressor: str | None
    fill: float | None
    separator: Literal[".", "/"]

    @property
    def chunk_bytes(self) -> int:
        """Size of an uncompressed chunk."""
        return self.dtype.itemsize * math.prod(self.chunks)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(-(-length // rows) for length, rows in zip(self.shape, self.chunks, strict=True))

    def chunk_name(self, index: tuple[int, ...]) -> str:
        """File name of a chunk."""
        return self.separator.join(map(str, index))


def parse_json(content: bytes, where: str) -> dict[str, Any]:
    """A JSON object.

    Args:
        content: of the file.
        where: names the file in messages.

    Raises:
        DataError: for anything else.
    """
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error}); fetch or record the data again.") from error
    if not isinstance(parsed, dict):
        raise DataError(f"{where} holds {parsed!r:.60}, expected a JSON object; fetch or record the data again.")
    return parsed


def parse_description(content: bytes, where: str) -> ArrayDescription:
    """The description in the bytes of a `.zarray`.

    Args:
        content: of the file.
        where: names the file in messages.

    Raises:
        DataError: for a missing or damaged field, for arrays of anything but numbers, for other codecs, and beyond the
            limits above; the message names the field.
    """
    fields = _Fields(parse_json(content, where), where)
    fields.choice("zarr_format", (2,))
    shape, chunks = fields.lengths("shape", 0), fields.lengths("chunks", 1)
    if len(shape) != len(chunks):
        raise fields.error("chunks", f"{len(shape)} lengths, one for each of shape")
    dtype = fields.dtype()
    description = ArrayDescription(
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        order="F" if fields.choice("order", ("C", "F")) == "F" else "C",
        compressor=fields.compressor(),
        fill=fields.fill(dtype),
        separator="/" if fields.choice("dimension_separator", (".", "/"), ".") == "/" else ".",
    )
    if fields.get("filters") not in (None, []):
        raise fields.error("filters", "none")
    if description.chunk_bytes > CHUNK_LIMIT_BYTES:
        expected = f"chunks of at most CHUNK_LIMIT_BYTES = {CHUNK_LIMIT_BYTES:,} bytes"
        raise fields.error("chunks", expected, "store smaller chunks")
    if math.prod(description.grid) > CHUNK_COUNT_LIMIT:
        expected = f"at most CHUNK_COUNT_LIMIT = {CHUNK_COUNT_LIMIT:,} chunks"
        raise fields.error("shape", expected, "store larger chunks")
    return description


@dataclass(frozen=True)
class _Fields:
    """Fields of a `.zarray`, read with a check."""

    values: dict[str, Any]
    where: str

    def error(self, field: str, expected: str, remedy: str = "fetch or record the data again") -> DataError:
        return DataError(f"{self.where}: {field} is {self.values.get(field)!r:.60}, expected {expected}; {remedy}.")

    def get(self, field: str) -> object:
        value: object = self.values.get(field)
        return value

    def choice(self, field: str, known: tuple[object, ...], default: object = None) -> object:
        value = self.values.get(field, default)
        if type(value) not in (int, str) or value not in known:
            raise self.error(field, " or ".join(map(repr, known)))
        return value

    def lengths(self, field: str, least: int) -> tuple[int, ...]:
        value = self.get(field)
        if not isinstance(value, list) or len(value) > 8:
            raise self.error(field, "a list of at most 8 whole numbers")
        if not all(type(length) is int and least <= length < 1 << 40 for length in value):
            raise self.error(field, f"whole numbers from {least} to 2**40")
        return tuple(value)

    def dtype(self) -> np.dtype[Any]:
        value = self.get("dtype")
        if not isinstance(value, str) or not _NUMBERS.fullmatch(value):
            raise self.error("dtype", 'bool, integer or float such as "<f4"')
        return np.dtype(value)

    def compressor(self) -> str | None:
        value = self.get("compressor")
        if value is None:
            return None
        name = value.get("id") if isinstance(value, dict) else None
        if name not in COMPRESSORS:
            raise self.error("compressor", f"null or one of {', '.join(COMPRESSORS)}")
        return str(name)

    def fill(self, dtype: np.dtype[Any]) -> float | None:
        value = self.get("fill_value")
        if value is None:
            return None
        if dtype.kind == "f" and isinstance(value, str) and value in _NOT_FINITE:
            return _NOT_FINITE[value]
        low, high = _bounds(dtype)
        if isinstance(value, int | float) and low <= value <= high and (dtype.kind == "f" or value == int(value)):
            return value
        raise self.error("fill_value", f"null or a number that fits into {dtype.name}")


def _bounds(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Lowest and highest number of a type; whole numbers stay exact."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
