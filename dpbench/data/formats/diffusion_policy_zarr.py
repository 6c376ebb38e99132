"""Reader of the zarr archives published with Diffusion Policy (zip of a zarr format-2 ReplayBuffer).

Layout: `<any folder>/data/<array>` concatenated over time, `<any folder>/meta/episode_ends`
(real-stanford/diffusion_policy, `common/replay_buffer.py`). An unpacked folder is read too. Arrays without a time axis
(a single number such as `data/fps`) are left out.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from dpbench.data.array_description import METADATA_LIMIT_BYTES, parse_description
from dpbench.data.formats import Archive
from dpbench.data.formats.chunks import ChunkedArray, Files
from dpbench.data.windows import are_cumulative
from dpbench.errors import DataError

_ENDS = "meta/episode_ends"
_ZIP_ERRORS = (
    OSError, RuntimeError, NotImplementedError, EOFError, ValueError, OverflowError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip


class FolderFiles:
    """The files of an unpacked archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str, limit: int) -> bytes | None:
        """See `Files`; a file that cannot be read is a DataError."""
        path = self._folder / name
        if not path.is_file():
            return None
        try:
            if path.stat().st_size > limit:
                raise _too_large(str(path), path.stat().st_size, limit)
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error}); download it again.") from error


class ZipFiles:
    """The files below a folder of a zip file; nothing is unpacked."""

    def __init__(self, path: Path, prefix: str) -> None:
        self._path, self._prefix = path, prefix
        self._zip = zipfile.ZipFile(path)
        self._members = {member.filename: member for member in self._zip.infolist()}

    def find(self, name: str, limit: int) -> bytes | None:
        """See `Files`. The declared size is checked first, and no more is inflated than that."""
        member = self._members.get(self._prefix + name)
        if member is None:
            return None
        where = f"{self._path}: {member.filename}"
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{where} is packed by method {member.compress_type}; pack it with deflate or unpacked.")
        if member.file_size > limit:
            raise _too_large(where, member.file_size, limit)
        try:
            with self._zip.open(member) as file:
                return file.read(member.file_size + 1)
        except _ZIP_ERRORS as error:
            raise DataError(f"{where} is damaged ({error}); download it again.") from error


def read(path: Path) -> Archive:
    """Open an archive; arrays are read slice by slice.

    Raises:
        DataError: when it is not a zip file, truncated, without such a group, or with arrays of anything but numbers.
    """
    if path.is_dir():
        inside = next((found for found in sorted(path.rglob(f"{_ENDS}/.zarray"))), None)
        if inside is None:
            raise DataError(
                f"{path} has no {_ENDS}; it is not a diffusion_policy archive (zarr format 2); download it again."
            )
        root = inside.parents[2]
        return _archive(FolderFiles(root), (found.parent.name for found in root.glob("data/*/.zarray")), path)
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except _ZIP_ERRORS as error:
        raise DataError(f"{path} is not a complete zip archive ({error}); download it again.") from error
    if outside := next((name for name in names if _leaves_its_folder(name)), None):
        raise DataError(f"{path} names {outside!r:.80}, which is outside its folder; get the archive from its source.")
    prefix = next((name[: -len(f"{_ENDS}/.zarray")] for name in names if name.endswith(f"{_ENDS}/.zarray")), None)
    if prefix is None:
        raise DataError(
            f"{path} has no {_ENDS}: it is not a diffusion_policy archive (zarr format 2); download it again."
        )
    parts = (name.removeprefix(f"{prefix}data/").split("/") for name in names if name.startswith(f"{prefix}data/"))
    return _archive(ZipFiles(path, prefix), {part[0] for part in parts if part[1:] == [".zarray"]}, path)


def _archive(files: Files, names: Iterable[str], path: Path) -> Archive:
    ends = _ends(_array(files, _ENDS, path), path)
    arrays = {f"data/{name}": _array(files, f"data/{name}", path) for name in sorted(names)}
    arrays = {name: array for name, array in arrays.items() if array.shape}
    for name, array in arrays.items():
        if array.shape[0] != ends[-1]:
            raise DataError(
                f"{path}: array {name!r} has {array.shape[0]} steps, the episodes have {ends[-1]}; download it again."
            )
    return Archive(arrays, ends)


def _ends(array: ChunkedArray, path: Path) -> NDArray[np.int64]:
    """`(E,)`; some writers store `(E, 1)`."""
    shape = array.shape
    if array.description.dtype.kind not in "iu" or not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise DataError(
            f"{path}: {_ENDS} has shape {shape} and dtype {array.description.dtype}, expected whole numbers (E,); "
            "download it again."
        )
    ends = array[:].reshape(-1).astype(np.int64)
    if len(ends) == 0 or not are_cumulative(ends):
        raise DataError(f"{path}: {_ENDS} does not increase; download it again.")
    return ends


def _array(files: Files, name: str, path: Path) -> ChunkedArray:
    content = files.find(f"{name}/.zarray", METADATA_LIMIT_BYTES)
    if content is None:
        raise DataError(f"{path} has no {name}/.zarray; download it again.")
    return ChunkedArray(parse_description(content, f"{path}: {name}/.zarray"), files, name, f"{path}: {name}")


def _leaves_its_folder(name: str) -> bool:
    inside = PureWindowsPath(name)  # knows both slashes, and drives
    return bool(inside.anchor) or ".." in inside.parts


def _too_large(where: str, size: int, limit: int) -> DataError:
    return DataError(f"{where} declares {size:,} bytes, expected at most {limit:,}; download it again.")
