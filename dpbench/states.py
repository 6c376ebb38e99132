"""States from outside: a vector whose numbers have names and bounds, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError, shown
from dpbench.numbers import real_numbers


@dataclass(frozen=True)
class StateField:
    """Some numbers of a state that have one name and the same bounds.

    Attributes:
        name: for messages, such as `"finger x"`.
        low: smallest number.
        high: largest number.
        unit: of the numbers, empty for counts.
        count: how many numbers.
        whole: True for whole numbers only.
    """

    name: str
    low: float
    high: float
    unit: str = ""
    count: int = 1
    whole: bool = False


def check_state(state: object, fields: Sequence[StateField], least: int | None = None) -> NDArray[np.float64]:
    """A copy of `state` as float64, `(n,)`.

    Args:
        state: from outside.
        fields: of the whole vector, in order.
        least: how many numbers are enough, where the last ones may be left out; by default all are needed.

    Raises:
        ConfigError: for anything but n real numbers, and for the first number that is NaN or outside its bounds.
    """
    n_all = sum(field.count for field in fields)
    lengths = (n_all,) if least is None else (least, n_all)
    wanted = f"expected {' or '.join(map(str, lengths))} finite numbers, as get_state gives them"
    try:
        values = np.array(real_numbers(state))
    except ValueError as error:
        raise ConfigError(f"state {shown(state)} {error}: {wanted}.") from error
    if values.ndim != 1 or len(values) not in lengths:
        raise ConfigError(f"state of shape {values.shape}: {wanted}.")
    counts = [field.count for field in fields]
    low = np.repeat([field.low for field in fields], counts)[: len(values)]
    high = np.repeat([field.high for field in fields], counts)[: len(values)]
    whole = np.repeat([field.whole for field in fields], counts)[: len(values)]
    fits = (values >= low) & (values <= high) & (~whole | (values == np.round(values)))  # NaN does not
    if not fits.all():
        at = int(np.flatnonzero(~fits)[0])
        field = fields[int(np.searchsorted(np.cumsum(counts), at, side="right"))]
        kind, unit = "a whole number" if field.whole else "a number", f" {field.unit}" if field.unit else ""
        raise ConfigError(
            f"state[{at}] = {values[at]:g} ({field.name}): expected {kind} from {field.low:g} to {field.high:g}{unit}."
        )
    return values
