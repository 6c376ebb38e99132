"""Are these values those of a task? Shape, finite numbers, and a range so wide that only other data leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import DataError
from dpbench.spec import ActionSpec, ArraySpec, TaskSpec

MARGIN = 10.0
"""How many times its range (or its larger bound) a value may lie beyond a bound. Units that differ are mostly 1,000
apart (m and mm), damaged numbers far more; what people record now and then leaves the bounds of a task a little."""


def check_arrays(arrays: Mapping[str, NDArray[Any]], task: TaskSpec, where: str) -> None:
    """Check the arrays that a task reads; others may be there.

    Args:
        arrays: name in the store -> `(T, ...)`.
        task: says which arrays it reads, and what they hold.
        where: names the file in messages.

    Raises:
        DataError: for an array that is missing, or of which `check_values` disapproves.
    """
    for key, name in task.store_arrays.items():
        if name not in arrays:
            raise DataError(
                f"{where} gives no array {name!r}, which {task.id} reads as {key!r}; it is another data set."
            )
        check_values(arrays[name], spec_of(task, key), f"{where}: array {name!r}", task)


def spec_of(task: TaskSpec, key: str) -> ArraySpec | ActionSpec:
    """What a task says of an observation key, or of `"action"`."""
    return task.action if key == "action" else task.observations[key]


def check_values(values: NDArray[Any], spec: ArraySpec | ActionSpec, where: str, task: TaskSpec) -> None:
    """Check the values of one array, `(T, ...)`.

    Raises:
        DataError: for steps of another shape, anything but real numbers, NaN or infinite values, and values beyond the
            task's bounds by more than `MARGIN` times their range.
    """
    shape = (spec.dim,) if isinstance(spec, ActionSpec) else spec.shape
    if values.shape[1:] != shape:
        raise DataError(
            f"{where} holds steps of shape {values.shape[1:]}, {task.id} expects {shape}; it is other data."
        )
    if values.dtype.kind not in "fiub":
        raise DataError(f"{where} holds {values.dtype}, expected real numbers; record or download it again.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{where} holds NaN or infinite values; leave those episodes out, or download it again.")
    low, high = np.asarray(spec.low, dtype=np.float64), np.asarray(spec.high, dtype=np.float64)
    room = MARGIN * np.maximum(high - low, np.maximum(np.abs(low), np.abs(high)))
    if len(values) and (np.any(values < low - room) or np.any(values > high + room)):
        raise DataError(
            f"{where} reaches from {values.min():g} to {values.max():g}, far outside the bounds of {task.id}, "
            f"{low.min():g} to {high.max():g} {spec.unit}; check the units and whether it is of this task."
        )
