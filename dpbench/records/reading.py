"""A record's file as a `Record`: older versions are migrated, and what is wrong is said in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dpbench.errors import DataError
from dpbench.records.migrations import migrate
from dpbench.records.record import SCHEMA_VERSION, Record

REMEDY = "put it right, or delete the file and run the comparison again"
MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""


def read(path: Path) -> Record:
    """One record, of this version or an older one.

    Raises:
        DataError: in one line that names file, field and value.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a record ({error}); {REMEDY}.") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if type(version) is not int:
        raise DataError(f"{path} is not a record: it has no schema_version; {REMEDY}.")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema_version {version}, this dpbench knows up to {SCHEMA_VERSION}; update dpbench."
        )
    try:
        content = migrate(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a record of schema_version {version} ({error!r}); {REMEDY}.") from error
    try:
        return Record.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise DataError(f"{path}: {_first(error, content)}; {REMEDY}.") from error


def _first(error: ValidationError, content: Mapping[str, Any]) -> str:
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
    text = json.dumps(value)
    return f"{field} = {text if len(text) <= MAX_SHOWN else f'{text[:MAX_SHOWN]}...'}: {why}"


def _place(loc: tuple[int | str, ...], content: Any) -> tuple[int | str, ...]:
    """The path of an error in the file, without what pydantic adds to it (the member of a union)."""
    place: list[int | str] = []
    for part in loc:
        known = part in content if isinstance(content, dict) else isinstance(content, list) and isinstance(part, int)
        if known:
            content = content[part]
            place.append(part)
    return tuple(place)
