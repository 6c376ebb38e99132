"""Numbers from outside, such as actions and states: what counts as an array of real numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def real_numbers(value: object) -> NDArray[np.float64]:
    """A value as an array of float64; an array of that type is returned itself.

    Whole numbers and floating-point numbers of every size are taken, in arrays, nested lists or tensors.

    Raises:
        ValueError: for complex numbers, truth values, texts, objects and masked values; it says which, as the end of a
            sentence that begins with the value.
    """
    try:
        array = np.asarray(value)
    except Exception as error:  # lists of unequal length, tensors with gradients: the conversion may raise anything
        raise ValueError(f"is not an array of numbers ({' '.join(str(error).split())})") from error
    if isinstance(value, np.ma.MaskedArray) and bool(np.any(value.mask)):
        raise ValueError("has masked values")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"is not an array of numbers (its type is {array.dtype})")
    return np.asarray(array, dtype=np.float64)
