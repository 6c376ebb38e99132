"""Valid-looking data of another task, in other units or damaged are told from a task's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpbench.data.plausible import check_arrays
from dpbench.errors import DataError
from dpbench.tasks import load_task

TASK = load_task("dpbench/BlockPush-v0")
GOOD: dict[str, Any] = {
    "agent_pos": np.full((3, 2), 0.4, np.float32),
    "environment_state": np.full((3, 14), 0.3, np.float32),
    "action": np.full((3, 2), 0.02, np.float32),
}


def test_a_little_beyond_the_bounds_is_what_people_record() -> None:
    check_arrays({**GOOD, "action": np.full((3, 2), 0.2), "more": np.zeros(1)}, TASK, "a.zip")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": np.zeros((3, 5))}, r"steps of shape \(5,\), dpbench/BlockPush-v0 expects \(2,\)"),
        ({"action": np.zeros((3, 2), np.complex64)}, "complex64, expected real numbers"),
        ({"action": np.full((3, 2), 20.0)}, "reaches from 20 to 20, far outside the bounds"),
        ({"agent_pos": np.array([[0.4, 0.3], [0.4, np.nan], [0, 0]])}, "NaN"),
        ({"environment_state": np.full((3, 14), 400)}, "check the units"),
    ],
)
def test_other_data_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        check_arrays({**GOOD, **change}, TASK, "a.zip")
    assert str(caught.value).startswith(f"a.zip: array '{next(iter(change))}'")


def test_a_missing_array_is_named() -> None:
    with pytest.raises(DataError, match="gives no array 'action'"):
        check_arrays({key: value for key, value in GOOD.items() if key != "action"}, TASK, "a.zip")
