"""What `--json` prints: JSON that every program reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping


def json_text(content: object, indent: int | None = 2) -> str:
    """As JSON; numbers that JSON does not have (NaN, infinite) are null.

    Raises:
        TypeError: for a value that is no JSON.
    """
    return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
