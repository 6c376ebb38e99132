"""Chunks of zarr arrays: every layout gives the values that the zarr library wrote, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import itertools
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numcodecs import BZ2, LZ4, Blosc, GZip, Zlib, Zstd

from dpbench.data.formats.chunks import decode
from dpbench.data.formats.diffusion_policy_zarr import read
from dpbench.errors import DataError

CODECS = (None, Blosc(), Zstd(), Zlib(), GZip(), BZ2(), LZ4())


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_every_layout_gives_what_the_zarr_library_wrote(tmp_path: Path, codec: Any) -> None:
    rng = np.random.default_rng(0)
    layouts = itertools.product("CF", ("<f4", ">f8", "|u1", "|b1"), ((3, 2, 3), (4, 5, 2)), "./")
    group = zarr.open_group(tmp_path, mode="w", zarr_format=2)
    group.create_array("meta/episode_ends", data=np.array([[4], [11]]))
    group.create_array("data/fps", data=np.array(10))
    written = {}
    for number, (order, dtype, chunks, separator) in enumerate(layouts):
        values = (50 * rng.normal(size=(11, 5, 3))).astype(dtype)
        values[3:8] = 0  # the library leaves such chunks out
        array = group.create_array(
            f"data/{number}", shape=values.shape, dtype=values.dtype, chunks=chunks, compressors=codec, order=order,
            chunk_key_encoding={"name": "v2", "separator": separator},
        )  # fmt: skip
        array[:] = values
        written[f"data/{number}"] = values
    archive = read(tmp_path)
    assert archive.episode_ends.tolist() == [4, 11]
    assert sorted(archive.arrays) == sorted(written)
    for name, values in written.items():
        for steps in (slice(0, 11), slice(2, 9), slice(4, 4), slice(10, 11)):
            found = archive.arrays[name][steps]
            assert found.dtype.isnative
            assert np.array_equal(found, values[steps])


@pytest.mark.parametrize("codec", CODECS[1:], ids=str)
def test_a_chunk_that_inflates_to_more_than_its_shape_is_refused_before_memory_is_taken(codec: Any) -> None:
    bomb = bytes(codec.encode(bytes(50_000_000)))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"declares 50000000 bytes, expected 1000|holds more than 1000 bytes"):
        decode(bomb, codec.codec_id, 1000, "x.zip: data/img, chunk 0.0")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert len(bomb) < 1_000_000 < len(decode(bomb, codec.codec_id, 50_000_000, "x.zip: data/img, chunk 0.0"))


@pytest.mark.parametrize(
    ("compressor", "stored"),
    [
        ("zlib", zlib.compress(bytes(500))),
        ("gzip", gzip.compress(bytes(1500), mtime=0)),
        ("bz2", bz2.compress(bytes(999))),
        ("zlib", zlib.compress(bytes(1000))[:-9]),
        ("blosc", b""),
        ("lz4", b"\xe8\x03\x00\x00"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        (None, bytes(999)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_chunk_of_another_size_is_named(compressor: str | None, stored: bytes) -> None:
    with pytest.raises(DataError, match=r"^x\.zip: data/img, chunk 0\.0, .*download the archive again\.$"):
        decode(stored, compressor, 1000, "x.zip: data/img, chunk 0.0")
