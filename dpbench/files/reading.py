"""Files that others wrote, read without trust: regular files of bounded size, strict JSON, names inside a folder.

What is wrong is said in one line: which file, which field, which value, and what to do.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from dpbench.errors import DpbenchError
from dpbench.escaping import printable

MAX_DEPTH = 64
"""Nesting of JSON; what we write has at most 6 levels."""
MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""
MAX_REASON = 400
"""Characters of a reason; libraries quote whole files in theirs."""

Model = TypeVar("Model", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""Text that stands in tables, titles and file names."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""A SHA-256."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        error: class of the errors that reading it raises.
        remedy: what to do about a wrong one, such as `"copy or train it again"`.
        limit_bytes: a larger file is not read.
    """

    error: type[DpbenchError]
    remedy: str
    limit_bytes: int

    def wrong(self, path: Path, reason: object) -> DpbenchError:
        """The error that says in one line what is wrong with a file."""
        text = printable(reason)
        text = text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
        return self.error(f"{printable(path)}: {text.rstrip('.')}; {self.remedy}.")


def read_bytes(path: Path, kind: Kind, inside: Path | None = None) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file.
        kind: of file.
        inside: folder that a symbolic link must not lead out of; None follows links anywhere.

    Raises:
        DpbenchError: `kind.error`, for a file that is missing, no regular file (a folder, a device, a named pipe), too
            large, not readable, or outside of the folder.
    """
    try:
        if inside is not None and not path.resolve(strict=True).is_relative_to(inside.resolve()):
            raise kind.wrong(path, f"is a link to {path.resolve()}, outside of its folder")
        # A named pipe without a writer would block the open.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise kind.wrong(path, "is not a regular file")
            if found.st_size > kind.limit_bytes:
                raise kind.wrong(path, f"has {found.st_size:,} bytes, expected at most {kind.limit_bytes:,}")
            return file.read(found.st_size)
    except OSError as error:
        raise kind.wrong(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, RuntimeError) as error:  # a NUL in the path; a circle of links in older Pythons
        raise kind.wrong(path, f"cannot be read ({error})") from error


def read_text(path: Path, kind: Kind, inside: Path | None = None) -> str:
    """Text in UTF-8.

    Raises:
        DpbenchError: as `read_bytes`, and for other bytes.
    """
    try:
        return read_bytes(path, kind, inside).decode("utf-8")
    except UnicodeDecodeError as error:
        raise kind.wrong(path, f"is not text in UTF-8 ({error})") from error


def read_json(path: Path, kind: Kind, inside: Path | None = None) -> dict[str, Any]:
    """A JSON object, read strictly (`parse_json`).

    Raises:
        DpbenchError: as `read_bytes` and `parse_json`.
    """
    return parse_json(read_bytes(path, kind, inside), path, kind)


def parse_json(content: bytes, path: Path, kind: Kind) -> dict[str, Any]:
    """A JSON object in UTF-8: no key twice, finite numbers only, whole characters, nesting of at most `MAX_DEPTH`.

    Raises:
        DpbenchError: `kind.error`, for anything else.
    """
    try:
        parsed: object = json.loads(
            content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise kind.wrong(path, f"is not JSON ({error})") from error
    if not isinstance(parsed, dict):
        raise kind.wrong(path, f"holds {_shown(parsed)}, expected a JSON object")
    _check_values(parsed, path, kind)
    return parsed


def read_toml(path: Path, kind: Kind) -> dict[str, Any]:
    """A TOML file of text, truth values and finite numbers, in tables and lists.

    Raises:
        DpbenchError: as `read_bytes`, and for anything else.
    """
    text = read_text(path, kind)
    try:
        parsed = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise kind.wrong(path, f"is not valid TOML ({error})") from error
    _check_values(parsed, path, kind)
    return parsed


def _check_values(parsed: object, path: Path, kind: Kind) -> None:
    for depth, value in _values(parsed):
        if depth > MAX_DEPTH:
            raise kind.wrong(path, f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            raise kind.wrong(path, f"{_shown(value)} holds half of a surrogate pair")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise kind.wrong(path, f"{_shown(value)} does not fit into 64 bits")
        if isinstance(value, float) and not math.isfinite(value):
            raise kind.wrong(path, f"{value} is no number")
        if not isinstance(value, dict | list | str | int | float | None):
            raise kind.wrong(path, f"{value} is a date or time, expected text, a number, a list or a table")


def as_model(content: Mapping[str, Any], model: type[Model], path: Path, kind: Kind) -> Model:
    """The content of a JSON file as a model.

    Raises:
        DpbenchError: `kind.error`; it names the first field that is wrong, with its value and what was expected.
    """
    try:
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise kind.wrong(path, first_of(error, content)) from error


def as_type(value: object, wanted: Any, path: Path, kind: Kind) -> Any:
    """A JSON value as a type with annotations, such as a dataclass; strictly, `"5"` is no number.

    Raises:
        DpbenchError: as `as_model`.
    """
    try:
        return TypeAdapter(wanted).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise kind.wrong(path, first_of(error, value)) from error


def is_plain_name(name: object) -> bool:
    """Whether a text is the name of a file or folder, not a path: nothing outside of the folder can be meant."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and name.isprintable()
        and not set(name) & set("/\\:")
        and len(name.encode(errors="replace")) <= 255
    )


def first_of(error: ValidationError, content: object) -> str:
    """The first thing that is wrong, as `field = value: why`."""
    found = [(_place(one["loc"], content), one) for one in error.errors(include_url=False)]
    # A value that may be of several types has an error for each; the one that got furthest was meant.
    place, first = max(found[:8], key=lambda one: len(one[0])) if found[0][0] else found[0]
    unknown = ("extra_forbidden", "unexpected_keyword_argument")
    reasons = (
        "no such field" if one["type"] in unknown else str(one["msg"]).removeprefix("Value error, ")
        for at, one in found
        if at == place
    )
    why = (
        " or ".join(dict.fromkeys(reasons)).replace("Input should be ", "expected ", 1).replace("Input should be ", "")
    )
    field = ".".join(map(str, place))
    if first["type"] == "missing":
        return f"{'.'.join(filter(None, (field, str(first['loc'][-1]))))} is missing"
    if not field:
        return why
    value: Any = content
    for part in place:
        value = value[part]
    return f"{field} = {_shown(value)}: {why}"


def _place(loc: tuple[int | str, ...], content: Any) -> tuple[int | str, ...]:
    """The path of an error in the file, without what pydantic adds to it (the member of a union)."""
    place: list[int | str] = []
    for part in loc:
        known = part in content if isinstance(content, dict) else isinstance(content, list) and isinstance(part, int)
        if known:
            content = content[part]
            place.append(part)
    return tuple(place)


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {_shown(next(key for key in keys if keys.count(key) > 1))} stands twice")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    if abs(value := float(text)) == float("inf"):
        raise ValueError(f"{text[:MAX_SHOWN]} is beyond the range of numbers")
    return value


def _values(value: object) -> Iterator[tuple[int, object]]:
    """Every value of a JSON value with its depth, keys of objects included; without recursion."""
    open_ones: list[tuple[int, object]] = [(1, value)]
    while open_ones:
        depth, one = open_ones.pop()
        yield depth, one
        if isinstance(one, dict):
            open_ones += [(depth + 1, part) for pair in one.items() for part in pair]
        elif isinstance(one, list):
            open_ones += [(depth + 1, part) for part in one]
