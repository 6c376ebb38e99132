"""Kinds of arguments: how each is read from its text, and what it accepts.

Everything that can be known of a value before work begins is checked here. Each kind is a function of the text that
raises ArgumentTypeError with the value and what is expected.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from dpbench.comparison.engines.ray_address import checked_address
from dpbench.errors import ConfigError, shown
from dpbench.policies.devices import check_device

MANY = 1_000_000
"""Largest number of episodes, samples or steps that a command takes."""
MAX_PROCESSES = 1024
MAX_DURATION_S = 1e6


def whole(low: int, high: int = MANY) -> Callable[[str], int]:
    """Whole numbers from `low` to `high`, in ASCII digits."""

    def read(text: str) -> int:
        digits = text.removeprefix("-")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) < 20
        if not is_number or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{shown(text)}: expected a whole number from {low:,} to {high:,}")
        return int(text)

    return read


count = whole(1)
count_or_none = whole(0)


def count_or_all(text: str) -> int | None:
    """A whole number from 1, or `"all"`, which is None."""
    return None if text == "all" else count(text)


steps_between = whole(1, 10**9)
steps_between_or_none = whole(0, 10**9)
n_processes = whole(1, MAX_PROCESSES)
seed = whole(0, 2**63 - 1)


def number(low: float, high: float, unit: str = "", above: bool = False) -> Callable[[str], float]:
    """Numbers from `low` (or above it) to `high`."""

    def read(text: str) -> float:
        try:
            value = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if not low <= value <= high or (above and value == low):
            expected = f"{'above' if above else 'from'} {low:g} to {high:g}{unit}"
            raise argparse.ArgumentTypeError(f"{shown(text)}: expected a number {expected}")
        return value

    return read


seconds = number(0, MAX_DURATION_S, " s", above=True)


def as_text(read: Callable[[str], object]) -> Callable[[str], str]:
    """The text itself, once it has been read as that kind."""

    def checked(text: str) -> str:
        read(text)
        return text

    return checked


def device(text: str) -> str:
    """A torch device of this machine."""
    try:
        return check_device(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def seeds(text: str) -> tuple[int, ...]:
    """`"0,1,2"` as numbers."""
    try:
        numbers = tuple(map(seed, names(text)))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{shown(text)}: expected whole numbers with commas between, such as 0,1,2"
        ) from error
    if len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"{shown(text)}: each number may be there once")
    return numbers


def names(text: str) -> tuple[str, ...]:
    """`"a, b"` as names, one at least."""
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"{shown(text)}: expected names with commas between, such as a,b")
    return parts


def name(text: str) -> str:
    """Any text but none."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a name")
    return text


def address(text: str) -> str:
    """`HOST:PORT` of a cluster, or the words `auto` and `local`."""
    try:
        return text if text in ("auto", "local") else checked_address(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def key_value(text: str) -> str:
    """`KEY=VALUE`."""
    key, equals, _ = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{shown(text)}: expected KEY=VALUE, such as temperature=1")
    return text


def path(text: str) -> Path:
    """A path that a file system can have; it need not exist."""
    found = Path(name(text))
    try:
        found.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise argparse.ArgumentTypeError(f"{shown(text)}: {reason}; expected a path") from error
    return found


def path_or_name(text: str) -> str:
    """What may be a path, such as a checkpoint or a store."""
    path(text)
    return text


def new_file(*suffixes: str) -> Callable[[str], Path]:
    """A file that can be written, with one of these endings."""

    def read(text: str) -> Path:
        found = _place(text)
        if found.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"{shown(text)}: expected a file that ends in {' or '.join(suffixes)}")
        if found.exists() and not found.is_file():
            raise argparse.ArgumentTypeError(f"{shown(text)} is there and is not a file; choose another name")
        _check_writable(found.parent, text)
        return found

    return read


def new_path(text: str) -> Path:
    """A file or folder that can be written."""
    found = _place(text)
    _check_writable(found.parent, text)
    return found


def folder(text: str) -> Path:
    """A folder to read; it need not exist."""
    found = path(text)
    if found.exists() and not found.is_dir():
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a folder")
    return found


data_dir = as_text(folder)
"""The data root."""


def new_folder(text: str) -> Path:
    """A folder that can be written to; it is made where it does not exist."""
    folder(text)
    found = _place(text)
    _check_writable(found, text)
    return found


def _place(text: str) -> Path:
    """A path that a file or folder can be put at."""
    found = path(text)
    if found.is_symlink() and not os.path.exists(found):  # unlike Path.exists, it takes a loop
        raise argparse.ArgumentTypeError(f"{shown(text)} is a link that leads nowhere; choose another place")
    if not Path(os.path.abspath(found)).name:
        raise argparse.ArgumentTypeError(f"{shown(text)} has no name of its own; choose a place inside it")
    return found


def _check_writable(at: Path, text: str) -> None:
    while not at.exists() and at != at.parent:
        at = at.parent
    try:
        with tempfile.TemporaryFile(dir=at):
            pass
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{shown(text)} cannot be written: {at}: {error.strerror}") from error
