"""Reads the structure of an hdf5 file in another process first.

The HDF5 library loops forever on some damaged files and crashes on others; nothing stops that from within.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dpbench.errors import DataError

TIMEOUT_S = 120.0
"""For the structure and the attributes; no values are read."""
_CODE = (
    "import sys, pathlib; from dpbench.data.formats.robomimic_hdf5 import open_archive; "
    "open_archive(pathlib.Path(sys.argv[1]))"
)


def probe(path: Path) -> None:
    """Open a file in another process.

    Raises:
        DataError: when that crashes or does not end; what else is wrong with the file is said by the reader.
    """
    command = [sys.executable, "-c", _CODE, str(path)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{path} is damaged (HDF5 was not through in {TIMEOUT_S:.0f} s); download it again.") from error
    if done.returncode < 0:
        raise DataError(f"{path} is damaged (HDF5 ended by signal {-done.returncode}); download it again.")
