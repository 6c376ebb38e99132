"""The index sums up the methods that share most tasks, and says which they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from dpbench.leaderboard.across import across, across_tasks
from dpbench.leaderboard.frame import frame
from dpbench.records.record import Episodes, Record

Made = Callable[..., Record]
LIFT, CAN, SQUARE, AVOID = (f"dpbench/{name}" for name in ("Lift-v0", "Can-v0", "Square-v0", "Avoid-v0"))
N_STARTS = 20


def ran(made: Record, task: str, n_successes: int) -> Record:
    """A record of another task, with that many successes from 20 starts."""
    starts = tuple(range(N_STARTS))
    success = tuple(start < n_successes for start in starts)
    scores = tuple(map(float, success))
    episodes = Episodes(start_seed=starts, sampler_seed=(0,) * N_STARTS, success=success, max_reward=scores)
    cell = made.cell.model_copy(update={"task": task, "start_seeds": starts})
    return made.model_copy(update={"cell": cell, "identity": cell.identity(), "episodes": episodes})


@pytest.fixture
def records(record: Made) -> list[Record]:
    """Three methods on three tasks, one of them on a superseded task, too; one method with a gap, and a script."""
    successes: Mapping[str, Mapping[str, int]] = {
        "bet": {CAN: 4, LIFT: 10, SQUARE: 2, AVOID: 20},
        "ibc": {CAN: 2, LIFT: 8, SQUARE: 2, AVOID: 20},
        "mlp-bc": {CAN: 12, LIFT: 20, SQUARE: 10, AVOID: 20},
        "act": {CAN: 20, LIFT: 20},
    }
    learned = [
        ran(record(method, 1, count / N_STARTS), task, count)
        for method, of_method in successes.items()
        for task, count in of_method.items()
    ]
    return [*learned, *(ran(record("hold", None, 1.0), task, 20) for task in (CAN, LIFT, SQUARE))]


def test_methods_enter_that_share_the_tasks_and_no_script_and_no_superseded_task(records: list[Record]) -> None:
    found = across(frame(records), records)
    assert found is not None
    assert found.methods == ("mlp-bc", "bet", "ibc"), "the best first"
    assert found.tasks == (CAN, LIFT, SQUARE)
    assert found.n_runs == (3, 3, 3)
    # The middle half of three runs: the middle one, and a quarter of its weight of each neighbour.
    assert found.means[0].mean == pytest.approx((0.5 + 4 * 0.6 + 1.0) / 6)
    assert all(each.low <= each.mean <= each.high for each in found.means)


def test_the_section_names_methods_tasks_and_who_improves_on_whom(records: list[Record]) -> None:
    text = across_tasks(across(frame(records), records), "figures/profiles.png")
    assert "3 learned methods on 3 tasks: Can-v0, Lift-v0, Square-v0" in text
    assert "- mlp-bc over bet: 1.00 [" in text
    # bet wins on two tasks and ties on the third: (1 + 1 + 0.5) / 3.
    assert "- bet over ibc: 0.83 [" in text
    assert "![Performance profiles](figures/profiles.png)" in text


def test_nothing_is_summed_up_where_no_two_methods_share_three_tasks(records: list[Record]) -> None:
    alone = [one for one in records if one.policy.baseline in ("bet", "act", "hold")]
    assert across(frame(alone), alone) is None
    assert across_tasks(None, "x.png") == ""
