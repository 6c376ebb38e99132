"""Pictures that are drawn again only when what they show has changed."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dpbench.errors import DataError
from dpbench.files.reading import Kind, read_bytes
from dpbench.files.writing import write_bytes

KEYWORD = "dpbench-data"
"""Of the PNG's text chunk that holds the digest of the data which it shows."""
DPI = 100
PICTURE = Kind(DataError, "draw it again", limit_bytes=64 * 2**20)


def digest_of(data: pd.DataFrame, drawing: str) -> str:
    """SHA-256 of what a picture shows.

    Args:
        data: the numbers and names in it.
        drawing: which drawing it is, with a version that is raised when the same data are drawn otherwise.
    """
    return hashlib.sha256(f"{drawing}\n{data.to_csv(index=False)}".encode()).hexdigest()


def draw_if_changed(path: Path, digest: str, draw: Callable[[], Figure]) -> bool:
    """Write a PNG, unless the one that is there shows the same.

    Args:
        path: of the picture.
        digest: of what it shows.
        draw: makes the figure.

    Returns:
        Whether it was drawn.

    Raises:
        OSError: when the file cannot be written.
    """
    if read_digest(path) == digest:
        return False
    buffer = io.BytesIO()
    draw().savefig(buffer, format="png", dpi=DPI, metadata={KEYWORD: digest})
    write_bytes(path, buffer.getvalue())
    return True


def read_digest(path: Path) -> str | None:
    """The digest in a PNG; None for a picture without one, for a broken one and for none at all."""
    try:
        content = read_bytes(path, PICTURE)
    except DataError:
        return None
    place = 8  # behind the signature come chunks: length, kind, data, checksum
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        keyword, _, text = data.partition(b"\0")
        if kind == b"tEXt" and keyword == KEYWORD.encode():
            checksum = content[place + 8 + length : place + 12 + length]
            return text.decode("latin-1") if checksum == struct.pack(">I", zlib.crc32(kind + data)) else None
        place += length + 12
    return None
