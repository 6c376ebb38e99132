"""Many comparisons at once: Holm's correction, and letters that show which policies are told apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """p-values corrected so that the chance of any false alarm among them is at most the level.

    Source: Holm 1979.

    Args:
        p_values: of all comparisons, `(M,)`.
    """
    found = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(found, kind="stable")
    steps = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1))
    corrected = np.empty_like(found)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def letters(n: int, told_apart: Collection[tuple[int, int]]) -> tuple[str, ...]:
    """Compact letters: two rows share a letter exactly when they are not told apart.

    Source: Piepho 2004 (insert and absorb; J. Comput. Graph. Stat. 13, 456-466).

    Args:
        n: number of rows, in the order in which letters are given.
        told_apart: pairs of rows.

    Returns:
        One text a row, such as `"ab"`.
    """
    columns = [frozenset(range(n))]
    for first, second in told_apart:
        split = [column for column in columns if {first, second} <= column]
        columns = [column for column in columns if column not in split]
        columns += [column - {one} for column in split for one in (first, second)]
        columns = _without_absorbed(columns)
    columns.sort(key=sorted)
    return tuple("".join(_letter(place) for place, column in enumerate(columns) if row in column) for row in range(n))


def _without_absorbed(columns: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Those that no other one contains, each once."""
    different = list(dict.fromkeys(columns))
    return [column for column in different if not any(column < other for other in different)]


def _letter(place: int) -> str:
    """a, b, ..., z, a1, b1, ..."""
    turn, letter = divmod(place, len(ascii_lowercase))
    return f"{ascii_lowercase[letter]}{turn or ''}"
