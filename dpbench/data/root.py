"""The data root: the folder of all stores."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dpbench.errors import DataError, shown

VARIABLE = "DPBENCH_DATA"
"""Environment variable with its path."""


def data_root(explicit: str | None = None) -> Path:
    """Where stores live: `explicit`, else the environment variable DPBENCH_DATA, else `./data`; it may be missing.

    Raises:
        DataError: for a DPBENCH_DATA that cannot be a folder.
    """
    named = "" if explicit else os.environ.get(VARIABLE, "")
    root = Path(os.path.expanduser(named)) if named else Path(explicit or "data")
    why = _why_no_folder(root) if named else None
    if why is not None:
        raise DataError(f"{VARIABLE} is {shown(named)}: {why}; set it to the folder of all stores, or unset it.")
    return root


def _why_no_folder(path: Path) -> str | None:
    if path.parts[0].startswith("~"):  # not expanded
        return "there is no such user"
    try:
        return None if stat.S_ISDIR(path.stat().st_mode) else "it is not a folder"
    except FileNotFoundError:
        return "it is a link to nothing" if path.is_symlink() else None
    except OSError as error:
        return f"it cannot be used ({error.strerror})"


def pointed(data_dir: str | None) -> str:
    """Ends a sentence about a path in the data root: names the variable where the command does not name the root."""
    return f", where {VARIABLE} points" if not data_dir and os.environ.get(VARIABLE) else ""
