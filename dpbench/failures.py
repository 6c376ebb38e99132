"""What someone else's code says when it fails, in one line that is safe to print."""

from __future__ import annotations

import reprlib
from types import TracebackType

MAX_CHARACTERS = 300
NOT_THEIRS = ("dpbench", "gymnasium", "numpy", "torch", "importlib", "contextlib", "concurrent", "multiprocessing")
"""Packages whose lines do not tell an author what to mend."""
SHIPPED = ("dpbench.envs", "dpbench.baselines")


def in_one_line(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Text from elsewhere without line breaks and control characters, cut off at `limit` characters."""
    # Ten times the limit is enough to read, however long the text.
    words = "".join(each if each.isprintable() else " " for each in text[: 10 * limit]).split()
    line = " ".join(words)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def safely_shown(value: object) -> str:
    """A value from elsewhere, short and in one line."""
    return in_one_line(reprlib.repr(value), 60)


def failure_of(error: BaseException) -> str:
    """Type, message and place of an error: `KeyError: 'x' (my_policy.py, line 12)`."""
    try:
        message = in_one_line(str(error))
    except Exception:  # A stranger's `__str__`.
        message = "its message cannot be read"
    place = _place(error)
    return f"{type(error).__name__}{': ' if message else ''}{message}{f' ({place})' if place else ''}"


def _place(error: BaseException) -> str | None:
    """File and line of the innermost frame that belongs to none of the libraries between; None where there is none."""
    if isinstance(error, SyntaxError):
        return None  # its message has both
    theirs = None
    step: TracebackType | None = error.__traceback__
    while step is not None:
        name = str(step.tb_frame.f_globals.get("__name__", ""))
        if name.startswith(SHIPPED) or name.partition(".")[0] not in NOT_THEIRS:
            theirs = step
        step = step.tb_next
    if theirs is None:
        return None
    file = theirs.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return in_one_line(f"{file}, line {theirs.tb_lineno}", 80)
