"""Training seeds are put together in one row; the interval covers both seeds and starts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dpbench.comparison.groups import group
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.tables import as_text
from dpbench.records.record import Record


def test_records_of_other_training_seeds_share_a_row(record: Callable[..., Record]) -> None:
    records = [record("bet", seed, score) for seed, score in ((44, 0.6), (42, 0.5), (43, 0.7))]
    (members,) = group(records)
    assert members.seeds == (42, 43, 44)
    assert members.per_seed("max_reward") == (0.5, 0.7, 0.6)
    estimate = members.estimate("max_reward")
    assert estimate.mean == pytest.approx(0.6)
    assert 0.5 <= estimate.low < 0.6 < estimate.high <= 0.7
    text = as_text(frame(records)).iloc[0]
    assert text["score by seed"] == "0.50 0.70 0.60"
    assert text["published"] == "0.70"


def test_what_else_differs_makes_a_row_of_its_own(record: Callable[..., Record]) -> None:
    records = [record("bet", 42, 0.5), record("bet", 42, 0.5, step=20), record("ibc", 42, 0.5)]
    assert len(group(records)) == 3


def test_a_later_record_of_a_seed_replaces_the_earlier(record: Callable[..., Record]) -> None:
    (members,) = group([record("bet", 42, 0.5), record("bet", 42, 0.9)])
    assert members.per_seed("max_reward") == (0.9,)
