"""Arrays of a zarr archive (format 2), read chunk by chunk in bounded memory: any chunks, either order."""

from __future__ import annotations

import bz2
import itertools
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numcodecs.blosc import Blosc
from numcodecs.lz4 import LZ4
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from dpbench.data.array_description import ArrayDescription
from dpbench.errors import DataError

READ_LIMIT_BYTES = 1 << 31
"""Most memory that one episode of one array may take."""


class Files(Protocol):
    """The files of an archive, in a folder or a zip file."""

    def find(self, name: str, limit: int) -> bytes | None:
        """The content of a file, None where there is none.

        Raises:
            DataError: when it is damaged, or larger than `limit` bytes.
        """
        ...


class ChunkedArray:
    """An array of an archive."""

    def __init__(self, description: ArrayDescription, files: Files, folder: str, where: str) -> None:
        self.description, self._files, self._folder, self._where = description, files, folder, where
        self.shape = description.shape

    def __getitem__(self, steps: slice) -> NDArray[Any]:
        """Consecutive steps, `(T, ...)`, in the byte order of the machine.

        Raises:
            DataError: for a damaged or missing chunk, or more than `READ_LIMIT_BYTES`.
        """
        about = self.description
        start, stop, _ = steps.indices(self.shape[0])
        size = about.dtype.itemsize * max(0, stop - start) * math.prod(self.shape[1:])
        if size > READ_LIMIT_BYTES:
            raise DataError(
                f"{self._where}: steps {start} to {stop} take {size:,} bytes, more than READ_LIMIT_BYTES = "
                f"{READ_LIMIT_BYTES:,}; cut the episodes or the arrays."
            )
        result = np.zeros((max(0, stop - start), *self.shape[1:]), dtype=about.dtype.newbyteorder("="))
        rows = about.chunks[0]
        along = [range(start // rows, -(-stop // rows)), *map(range, about.grid[1:])] if result.size else [range(0)]
        for index in itertools.product(*along):
            corner = [number * length for number, length in zip(index, about.chunks, strict=True)]
            low = [start, *(0 for _ in corner[1:])]
            high = [stop, *self.shape[1:]]
            # The part of this chunk that is asked for, in the coordinates of the array.
            part = [
                (max(begin, first), min(begin + length, last))
                for begin, length, first, last in zip(corner, about.chunks, low, high, strict=True)
            ]
            target = tuple(slice(begin - first, end - first) for (begin, end), first in zip(part, low, strict=True))
            source = tuple(slice(begin - first, end - first) for (begin, end), first in zip(part, corner, strict=True))
            values = self._chunk(index)
            result[target] = about.fill if values is None else values[source]
        return result

    def _chunk(self, index: tuple[int, ...]) -> NDArray[Any] | None:
        """The values of a chunk; None for one that is not stored, since all its values are the fill value."""
        about = self.description
        name, where = about.chunk_name(index), f"{self._where}, chunk {about.chunk_name(index)}"
        # No compressor adds more than this to what it cannot compress.
        limit = about.chunk_bytes + about.chunk_bytes // 8 + 4096
        stored = self._files.find(f"{self._folder}/{name}", limit)
        if stored is None and about.fill is None:
            raise DataError(f"{where}, is missing; download the archive again.")
        if stored is None:
            return None
        content = decode(stored, about.compressor, about.chunk_bytes, where)
        return np.frombuffer(content, dtype=about.dtype).reshape(about.chunks, order=about.order)


def decode(stored: bytes, compressor: str | None, size: int, where: str) -> bytes:
    """The `size` bytes of a chunk; no more memory is taken, whatever the stored bytes say.

    Raises:
        DataError: when they are damaged or hold another number of bytes.
    """
    try:
        content = stored if compressor is None else _DECODERS[compressor](stored, size)
    except (OSError, ValueError, RuntimeError, EOFError, IndexError, zlib.error) as error:
        raise DataError(f"{where}, is damaged ({error}); download the archive again.") from error
    if len(content) != size:
        found = f"{len(content)} bytes" if len(content) < size else f"more than {size} bytes"
        raise DataError(f"{where}, holds {found}, expected {size}; download the archive again.")
    return content


def _inflate(decompressor: Callable[[], Any]) -> Callable[[bytes, int], bytes]:
    def decoded(stored: bytes, size: int) -> bytes:
        content: bytes = decompressor().decompress(stored, size + 1)
        return content

    return decoded


def _declared(codec: Any, declared_size: Callable[[bytes], int]) -> Callable[[bytes, int], bytes]:
    """Decoder of a codec that takes as much memory as the stored bytes declare: that is compared first."""

    def decoded(stored: bytes, size: int) -> bytes:
        if (declared := declared_size(stored)) != size:
            raise ValueError(f"it declares {declared} bytes, expected {size}")
        return bytes(codec.decode(stored))

    return decoded


def _blosc_size(stored: bytes) -> int:
    """Bytes 4 to 8 of the header; 12 to 16 are the stored size. Source: c-blosc, `README_CHUNK_FORMAT.rst`."""
    if len(stored) < 16 or int.from_bytes(stored[12:16], "little") != len(stored):
        raise ValueError(f"{len(stored)} bytes are not a whole blosc block")
    return int.from_bytes(stored[4:8], "little")


def _zstd_size(stored: bytes) -> int:
    """Source: RFC 8878, section 3.1.1.1."""
    if stored[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("no zstd frame")
    flag, single, dictionary = stored[4] >> 6, stored[4] >> 5 & 1, stored[4] & 3
    begin = 5 + (1 - single) + (0, 1, 2, 4)[dictionary]
    width = (single, 2, 4, 8)[flag]
    if width == 0:
        raise ValueError("the zstd frame does not declare its size")
    return int.from_bytes(stored[begin : begin + width], "little") + (256 if flag == 1 else 0)


_DECODERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "blosc": _declared(Blosc(), _blosc_size),
    "bz2": _inflate(bz2.BZ2Decompressor),
    "gzip": _inflate(lambda: zlib.decompressobj(wbits=31)),
    "lz4": _declared(LZ4(), lambda stored: int.from_bytes(stored[:4], "little")),
    "zlib": _inflate(zlib.decompressobj),
    "zstd": _declared(Zstd(), _zstd_size),
}
