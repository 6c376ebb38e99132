"""The spaces that a model file of Stable-Baselines3 was trained in, read from their text and compared with a task's.

The file holds its spaces twice: pickled, which is never loaded, and as text (`data_to_json` in
DLR-RM/stable-baselines3, `stable_baselines3/common/save_util.py`). A model acts in the units of its spaces, so that
other bounds mean other actions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

_ARRAY = r"(\[[^\]]*\]|[^,\[\]]{1,40})"
_BOX = re.compile(rf"'([^']*)'[:,] Box\({_ARRAY}, {_ARRAY}, \(([\d, ]*)\), (\w+)\)")
_LONGEST = 100_000
"""Characters of a Dict's text that are read; ours have less than 3,000."""
_TOLERANCE = 1e-4
"""Relative; the text has eight digits, or as many as the printing options of numpy asked for."""


@dataclass(frozen=True)
class BoxText:
    """A box as text tells it.

    Attributes:
        shape: of the array.
        dtype: name.
        low: one number, one a value, or none where the text is cut.
        high: the same.
    """

    shape: tuple[int, ...]
    dtype: str
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape} from {_numbers(self.low)} to {_numbers(self.high)}"


def told_spaces(described: Mapping[str, Any]) -> dict[str, BoxText]:
    """The boxes of a space in the file's JSON: one without a name, or those of a `Dict` by their keys.

    Raises:
        ValueError: for a space of another kind, or one that cannot be read.
    """
    kind = str(described[":type:"])
    if "Box" in kind:
        shape = tuple(int(size) for size in described["_shape"])
        return {"": BoxText(shape, str(described["dtype"]), _read(described["low"]), _read(described["high"]))}
    if "Dict" not in kind:
        raise ValueError(f"a space of {kind}, expected a Box or a Dict of boxes")
    text = str(described["spaces"])[:_LONGEST]
    found = {
        key: BoxText(tuple(int(size) for size in re.findall(r"\d+", shape)), dtype, _read(low), _read(high))
        for key, low, high, shape, dtype in _BOX.findall(text)
    }
    if not found:
        raise ValueError(f"a Dict without boxes: {text[:60]}")
    return found


def boxes_of(space: gym.Space[Any], name: str = "") -> dict[str, BoxText]:
    """The boxes of a space of ours, as `told_spaces` gives those of a file; those of a nested `Dict` by flat keys."""
    if isinstance(space, gym.spaces.Box):
        low, high = (tuple(float(value) for value in bound.ravel()) for bound in (space.low, space.high))
        return {name: BoxText(space.shape, str(space.dtype), low, high)}
    if not isinstance(space, gym.spaces.Dict):
        return {}
    inner = (boxes_of(value, f"{name}.{key}" if name else str(key)) for key, value in space.spaces.items())
    return {key: box for boxes in inner for key, box in boxes.items()}


def difference(what: str, told: Mapping[str, BoxText], wanted: Mapping[str, BoxText]) -> str:
    """The first difference in words, with both sides; empty when all are the same."""
    if sorted(told) != sorted(wanted):
        return f"its {what} are {', '.join(sorted(told)) or 'none'}, those of the task {', '.join(sorted(wanted))}"
    for key, box in wanted.items():
        if not _same(told[key], box):
            return f"its {what} {key} are {told[key]}, those of the task {box}".replace("  ", " ")
    return ""


def _same(one: BoxText, other: BoxText) -> bool:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    pairs = ((one.low, other.low), (one.high, other.high))
    return all(not found or _close(found, wanted) for found, wanted in pairs)


def _close(found: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    return len(found) in (1, len(wanted)) and bool(np.allclose(found, wanted, rtol=_TOLERANCE, atol=1e-6))


def _read(text: object) -> tuple[float, ...]:
    """The numbers of an array as numpy prints it; none when it is cut (more than 1,000 numbers)."""
    words = re.sub(r"[\[\],]", " ", str(text)).split()
    return () if "..." in words else tuple(float(word) for word in words)


def _numbers(values: tuple[float, ...]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return f"[{', '.join(f'{value:g}' for value in values[:6])}{', ...' if len(values) > 6 else ''}]"
