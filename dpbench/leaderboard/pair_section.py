"""What every two policies of a task have shown, one sentence a pair, folded away on its page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dpbench.comparison.pair_texts import names_of, sentence
from dpbench.comparison.pairs import Verdict, pairs_of
from dpbench.escaping import in_markdown
from dpbench.leaderboard.frame import group_of
from dpbench.records.record import Record


def pair_sentences(part: pd.DataFrame, records: Sequence[Record]) -> str:
    """A list that opens on a click; empty where no two policies ran the same starts.

    Args:
        part: rows of one task.
        records: that the rows were made of.
    """
    groups = [group_of(row, records) for row in part.to_dict("records")]
    pairs = pairs_of(groups)
    if not pairs:
        return ""
    names = names_of(groups)
    told = sum(pair.success.verdict is not Verdict.OPEN for pair in pairs)
    lines = "\n".join(f"- {in_markdown(sentence(pair, names))}" for pair in pairs)
    return (
        f"<details><summary>Every two policies: the success of {told} of {len(pairs)} pairs is told apart</summary>"
        f"\n\n{lines}\n\n</details>"
    )
