"""Published results stand beside ours, with their source, and the order of methods is compared."""

from __future__ import annotations

from collections.abc import Callable

from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.literature import order_agreement, published_results
from dpbench.leaderboard.overview import one_a_policy
from dpbench.records.record import Episodes, Record


def ran(made: Record, n_successes: int) -> Record:
    """A record with that many successes from 50 starts, and a score of 1 for each."""
    success = tuple(start < n_successes for start in range(50))
    episodes = Episodes(
        start_seed=tuple(range(50)), sampler_seed=(0,) * 50, success=success, max_reward=tuple(map(float, success))
    )
    return made.model_copy(update={"episodes": episodes})


def test_paired_tests_confirm_contradict_or_leave_open_the_published_orders(record: Callable[..., Record]) -> None:
    """Published are diffusion-cnn over ibc over bet."""
    rows = (("diffusion-cnn", 0.9, 45), ("bet", 0.5, 42), ("ibc", 0.4, 10))
    records = [ran(record(name, 42, score), count) for name, score, count in rows]
    text = order_agreement(frame(records), records)
    assert "published orders of two methods: 1 confirmed, 1 contradicted, 1 open" in text
    assert "- confirmed: diffusion-cnn over ibc (0.90 and 0.20 here, p < 0.001)" in text
    assert "- **contradicted**: ibc over bet (0.20 and 0.84 here, p < 0.001)" in text
    assert "- open: diffusion-cnn over bet (0.90 and 0.84 here, p = 0.25)" in text
    unpublished = [record("hold", None, 0.1)]
    assert order_agreement(frame(unpublished), unpublished) == ""


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
