"""What someone else's code says when it fails, in one line that is safe to print."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from dpbench.errors import DpbenchError

MAX_CHARACTERS = 300
NOT_THEIRS = ("dpbench", "gymnasium", "numpy", "torch", "importlib", "contextlib", "concurrent", "multiprocessing")
"""Packages whose lines do not tell an author what to mend."""
SHIPPED = ("dpbench.envs", "dpbench.baselines")


@contextmanager
def told_as(kind: type[DpbenchError], begin: str) -> Iterator[None]:
    """Around someone else's code.

    Args:
        kind: of the error.
        begin: of its sentence, such as `"loss at step 7 raised"`.

    Raises:
        DpbenchError: of that kind, for whatever the code raises; sentences of our own and Ctrl-C pass.
    """
    try:
        yield
    except (DpbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise kind(f"{begin} {failure_of(error)}") from error


def in_one_line(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Text from elsewhere without line breaks and control characters, cut off at `limit` characters."""
    # Ten times the limit is enough to read, however long the text.
    words = "".join(each if each.isprintable() else " " for each in text[: 10 * limit]).split()
    line = " ".join(words)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def safely_shown(value: object) -> str:
    """A value from elsewhere, short and in one line."""
    try:
        return in_one_line(str.__str__(reprlib.repr(value)), 60)
    except KeyboardInterrupt:
        raise
    except BaseException:  # A stranger's `__repr__` or `__len__` may raise anything, SystemExit among it.
        return f"<{in_one_line(type(value).__name__, 58)}>"


def plain(value: object) -> object:
    """A text of a class of its own as plain text, without that class's methods; anything else as it is."""
    return str.__str__(value) if issubclass(type(value), str) else value


def message_of(error: BaseException) -> str:
    """What an error says, without its type."""
    try:
        return in_one_line(str.__str__(str(error)))
    except KeyboardInterrupt:
        raise
    except BaseException:  # A stranger's `__str__`, which may raise anything.
        return "its message cannot be read"


def failure_of(error: BaseException) -> str:
    """Type, message and place of an error: `KeyError: 'x' (my_policy.py, line 12)`."""
    message = message_of(error)
    place = _place(error)
    return f"{in_one_line(type(error).__name__, 80)}{': ' if message else ''}{message}{f' ({place})' if place else ''}"


def _place(error: BaseException) -> str | None:
    """File and line of the innermost frame that belongs to none of the libraries between; None where there is none."""
    if isinstance(error, SyntaxError):
        return None  # its message has both
    theirs = None
    step: TracebackType | None = error.__traceback__
    while step is not None:
        own = step.tb_frame.f_globals.get("__name__", "")
        name = own if type(own) is str else ""
        if name.startswith(SHIPPED) or name.partition(".")[0] not in NOT_THEIRS:
            theirs = step
        step = step.tb_next
    if theirs is None:
        return None
    file = theirs.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return in_one_line(f"{file}, line {theirs.tb_lineno}", 80)
