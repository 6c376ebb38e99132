"""Plan consistency of rollouts whose answer is known."""

from __future__ import annotations

from dpbench.metrics.plans import kept_plans, plan_consistency


def test_a_policy_that_switches_at_every_replan_is_not_consistent() -> None:
    left, right, later = ("first", "left"), ("first", "right"), ("second", "right")
    assert kept_plans([left, None, left, right]) == (1, 2)
    assert kept_plans([left, later]) == (0, 0), "another question is no change of plan"
    assert plan_consistency([[left] * 5, [right] * 3, [left, later], [None], []], range(5)).mean == 1.0
    assert plan_consistency([[left, right] * 5] * 3, range(3)).mean == 0.0
    half = plan_consistency([[left, right], [left, left]] * 20, range(40))
    assert half.low < half.mean == 0.5 < half.high
