"""Which of the 24 modes a path shows: the gap that it took in each row."""

from __future__ import annotations

from bisect import bisect

from .scene import GAPS_X_M, OBSTACLES_X_M, ROWS_Y_M

Place = tuple[float, float]


def gap(row: int, before: Place, after: Place) -> int:
    """Number of the gap, from the left, through which a step crosses a row; positions x, y in m."""
    if before[1] >= ROWS_Y_M[row]:  # the episode was started beyond the row
        return bisect(OBSTACLES_X_M[row], before[0])
    share = (ROWS_Y_M[row] - before[1]) / (after[1] - before[1])
    return bisect(OBSTACLES_X_M[row], before[0] + share * (after[0] - before[0]))


def mode_number(gaps: list[int]) -> int:
    """Index in the task's modes of the gaps taken so far, -1 before all rows are passed."""
    if len(gaps) < len(ROWS_Y_M):
        return -1
    number = 0
    for row, at in zip(GAPS_X_M, gaps, strict=True):
        number = number * len(row) + at
    return number
