"""Arrays in the formats of numpy, read without trust: sizes are checked before memory is taken, nothing is unpickled.

Sources: NEP 1 (the `.npy` format); an `.npz` file is a zip file of those.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype of a `.npy` file; then the file stands where its values begin.

    Raises:
        ValueError: for another version, and for what numpy says of a damaged header.
    """
    npy: Any = np.lib.format  # typed in some versions of numpy only
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python's parser, about the text of damaged headers
        try:
            version = npy.read_magic(file)
            if version == (1, 0):
                return npy.read_array_header_1_0(file)  # type: ignore[no-any-return]
            if version == (2, 0):
                return npy.read_array_header_2_0(file)  # type: ignore[no-any-return]
        except Exception as error:  # numpy's parser of headers raises errors of many types
            # The first line: the next ones of numpy advise to trust the file.
            raise ValueError(f"its header is damaged: {str(error).partition(chr(10))[0]}") from error
    raise ValueError(f"its format has version {version}")


def read_arrays(content: bytes, wanted: Mapping[str, DTypeLike], limit_bytes: int) -> dict[str, NDArray[Any]]:
    """Arrays of an `.npz` file.

    Args:
        content: of the file.
        wanted: name -> dtype.
        limit_bytes: of all of them, unpacked.

    Raises:
        ValueError: for a file that is damaged or too large, and an array that is missing or of another dtype.
    """
    arrays: dict[str, NDArray[Any]] = {}
    left = limit_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            for name, dtype in wanted.items():
                member = file.getinfo(f"{name}.npy")
                if member.file_size > left:
                    raise ValueError(f"its arrays declare more than {limit_bytes:,} bytes")
                left -= member.file_size
                with file.open(member) as part:
                    arrays[name] = _array(part, name, np.dtype(dtype), member.file_size)
    except KeyError as error:
        raise ValueError(f"an array is missing: {error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is damaged: {error}") from error
    return arrays


def _array(part: IO[bytes], name: str, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
    shape, fortran, found = read_header(part)
    n_bytes = math.prod(shape) * dtype.itemsize
    if found != dtype or fortran:
        raise ValueError(f"{name} holds {found}{' in Fortran order' if fortran else ''}, expected {dtype}")
    if min(shape, default=1) < 0 or n_bytes > size:
        raise ValueError(f"{name} has shape {shape}, more than its {size:,} bytes hold")
    values = part.read(n_bytes + 1)
    if len(values) != n_bytes:
        raise ValueError(f"{name} has shape {shape}, which does not fit its bytes")
    return np.frombuffer(values, dtype).reshape(shape).copy()
