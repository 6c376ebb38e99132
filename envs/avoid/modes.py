"""Which of the 24 modes a path shows: the gap that it took in each row."""

from __future__ import annotations

from bisect import bisect

from .scene import Course

Place = tuple[float, float]


def gap(course: Course, row: int, before: Place, after: Place) -> int:
    """Number of the gap, from the left, through which a step crosses a row; positions x, y in m."""
    if before[1] >= course.rows_y_m[row]:  # the episode was started beyond the row
        return bisect(course.obstacles_x_m[row], before[0])
    share = (course.rows_y_m[row] - before[1]) / (after[1] - before[1])
    return bisect(course.obstacles_x_m[row], before[0] + share * (after[0] - before[0]))


def mode_number(course: Course, gaps: list[int]) -> int:
    """Index in the task's modes of the gaps taken so far, -1 before all rows are passed."""
    if len(gaps) < len(course.rows_y_m):
        return -1
    number = 0
    for row, at in zip(course.gaps_x_m, gaps, strict=True):
        number = number * len(row) + at
    return number
