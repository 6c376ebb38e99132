"""Published results stand beside ours, with their source, and the order of methods is compared."""

from __future__ import annotations

from collections.abc import Callable

from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.literature import order_agreement, published_results
from dpbench.leaderboard.overview import one_a_policy
from dpbench.records.record import Record


def test_the_order_is_compared_with_the_literatures(record: Callable[..., Record]) -> None:
    table = frame([record("diffusion-cnn", 42, 0.9), record("bet", 42, 0.5), record("ibc", 42, 0.4)])
    text = order_agreement(table)
    assert "of 3 pairs of published methods, 2 stand in the same order" in text
    assert "**other order**: published is ibc over bet (0.40 and 0.50 here)" in text
    assert order_agreement(frame([record("hold", None, 0.1)])) == ""


def test_what_is_equal_has_no_order(record: Callable[..., Record]) -> None:
    tied = order_agreement(frame([record("bet", 42, 0.5), record("ibc", 42, 0.5)]))
    assert "of 1 pairs of published methods, 0 stand" in tied
    assert "equal here: published is ibc over bet" in tied


def test_published_results_have_a_row_a_method_and_their_source(record: Callable[..., Record]) -> None:
    text = published_results(frame([record("bet", 42, 0.5)]))
    assert "**PushTKeypoints-v0** (Chi et al. 2023, Tab. 1 (state))" in text
    assert "| bet | 0.79 | 0.70 |" in text


def test_most_seeds_then_the_smallest_budget_stand_for_a_policy(record: Callable[..., Record]) -> None:
    records = [record("bet", 42, 0.5), record("bet", 43, 0.5), record("bet", 42, 0.9, step=20), record("ibc", 42, 0.3)]
    rows = one_a_policy(frame(records))
    assert list(zip(rows["policy"], rows["step"], strict=True)) == [("bet", 10), ("ibc", 10)]
    single = one_a_policy(frame([record("bet", 42, 0.5), record("bet", 42, 0.9, step=20)]))
    assert single["step"].tolist() == [10]
