"""A task's page says of every two policies what they have shown."""

from __future__ import annotations

from collections.abc import Callable

from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.pair_section import pair_sentences
from dpbench.records.record import Record


def test_every_pair_has_its_sentence_and_one_policy_has_none(record: Callable[..., Record]) -> None:
    records = [record("bet", 42, 0.5), record("ibc", 42, 0.6), record("hold", None, 0.1)]
    text = pair_sentences(frame(records), records)
    assert "the success of 0 of 3 pairs is told apart</summary>" in text
    assert text.count("\n- ") == 3
    assert "- ibc and bet are not told apart: success 0.50 against 0.50 from 2 shared starts (p = 1.00). " in text
    alone = records[:1]
    assert pair_sentences(frame(alone), alone) == ""
