"""The state vector of Avoid: what its ten numbers are, and which of them fit together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpbench import states
from dpbench.errors import ConfigError
from dpbench.states import StateField

from .scene import Course

MARGIN_M = 0.05
"""How far beyond the workspace a finger may start; its servo itself does not overshoot."""
SPEED_M_S = 20.0
"""The fastest finger in 9,000 steps between extreme targets had 4.5 m/s."""


def check_state(state: object, course: Course) -> NDArray[np.float64]:
    """A copy of a state of `get_state`, `(10,)`.

    Raises:
        ConfigError: unless all numbers are within their bounds, and tell of something that can have happened.
    """
    values = states.check_state(state, _fields(course))
    y, largest_y, gaps = float(values[1]), float(values[6]), values[7:].tolist()
    if largest_y >= course.finish_y_m > y:
        raise ConfigError(
            f"state[6] = {largest_y:g} (largest y) is beyond the finish line, state[1] = {y:g} (finger y) is not: "
            "expected both beyond it or none, an episode ends there."
        )
    taken = sum(number >= 0 for number in gaps)
    passed = sum(max(y, largest_y) >= row for row in course.rows_y_m)
    if taken > passed or min(gaps[:taken], default=0.0) < 0:
        raise ConfigError(
            f"state[7:] = {[int(number) for number in gaps]} (gaps): expected those of the {passed} rows below the "
            f"largest y, {max(y, largest_y):g} m, from the first on, then -1."
        )
    return values


def _fields(course: Course) -> tuple[StateField, ...]:
    x, back, front = course.half_width_m, course.back_y_m, course.front_y_m
    return (
        StateField("finger x", -x - MARGIN_M, x + MARGIN_M, "m"),
        StateField("finger y", back - MARGIN_M, front + MARGIN_M, "m"),
        StateField("velocity", -SPEED_M_S, SPEED_M_S, "m/s", 2),
        StateField("last target x", -x, x, "m"),
        StateField("last target y", back, front, "m"),
        StateField("largest y", back - MARGIN_M, front + MARGIN_M, "m"),
        *(StateField(f"gap in row {row}", -1, len(gaps) - 1, whole=True) for row, gaps in enumerate(course.gaps_x_m)),
    )
