"""Pairs of policies: what is told of them follows from their episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from dpbench.comparison.groups import Group, group
from dpbench.comparison.pair_texts import names_of, row_of, sentence
from dpbench.comparison.pairs import Verdict, letters_of, pairs_of
from dpbench.leaderboard.columns import tables
from dpbench.leaderboard.frame import frame
from dpbench.records.record import Episodes, Record

Made = Callable[..., Record]


def ran(made: Record, successes: Sequence[bool], starts: Sequence[int] | None = None) -> Record:
    """A record with other episodes; the score is 1 where the policy succeeded."""
    seeds = tuple(range(len(successes)) if starts is None else starts)
    scores = tuple(map(float, successes))
    episodes = Episodes(start_seed=seeds, sampler_seed=(0,) * len(seeds), success=tuple(successes), max_reward=scores)
    return made.model_copy(update={"episodes": episodes})


@pytest.fixture
def groups(record: Made) -> tuple[Group, ...]:
    good, fair, bad = [True] * 45 + [False] * 5, [True] * 40 + [False] * 10, [True] * 5 + [False] * 45
    rows = (("bet", 0.9, good), ("ibc", 0.8, fair), ("act", 0.1, bad))
    return group([ran(record(name, 1, score), each) for name, score, each in rows])


def test_each_pair_gets_its_verdict_and_its_sentence(groups: tuple[Group, ...]) -> None:
    first, second, third = pairs_of(groups)
    assert [pair.success.verdict for pair in (first, second, third)] == [Verdict.OPEN, Verdict.BETTER, Verdict.BETTER]
    assert (first.n_starts, first.success.first, first.success.second) == (50, 0.9, 0.8)
    # 5 discordant starts, all won: 2 / 2^5 for the last pair in Holm's order.
    assert first.success.difference.p_value == pytest.approx(2 / 2**5)
    assert first.success.holm == pytest.approx(2 / 2**5)
    names = names_of(groups)
    assert (
        sentence(second, names)
        == "bet is better than act: success 0.90 against 0.10 from 50 shared starts (p < 0.001)."
    )
    assert "bet and ibc are not told apart: success 0.90 against 0.80 from 50 shared starts (p = 0.062). About " in (
        sentence(first, names)
    )
    assert row_of(first, names)["success_starts_that_tell"] == first.success.starts_that_tell


def test_what_would_tell_is_more_than_what_did_not(groups: tuple[Group, ...]) -> None:
    pairs = pairs_of(groups)
    assert pairs[0].success.starts_that_tell is not None
    assert pairs[0].success.starts_that_tell > 50
    assert all((pair.success.starts_that_tell or 0) < 50 for pair in pairs[1:])


def test_equal_policies_are_told_apart_by_no_number_of_starts(record: Made) -> None:
    same = group([ran(record(name, 1, 0.5), [True, False] * 10) for name in ("bet", "ibc")])
    (pair,) = pairs_of(same)
    assert pair.success.starts_that_tell is None
    assert "No number of starts tells" in sentence(pair, names_of(same))


def test_only_shared_starts_count(record: Made) -> None:
    one = ran(record("bet", 1, 0.5), [True] * 10, range(10))
    two = ran(record("ibc", 1, 0.5), [False] * 10, range(5, 15))
    three = ran(record("act", 1, 0.5), [False] * 10, range(20, 30))
    (pair,) = pairs_of(group([one, two, three]))
    assert pair.n_starts == 5
    assert len(set(letters_of(group([one, two, three])))) == 1, "five starts tell nothing apart"


def test_three_training_seeds_are_no_three_times_as_many_starts(record: Made) -> None:
    """The same outcome three times over says what it says once."""
    once = group([ran(record(name, 1, 0.5), each) for name, each in (("bet", [True] * 8), ("ibc", [True, False] * 4))])
    thrice = group(
        [
            ran(record(name, seed, 0.5), each)
            for name, each in (("bet", [True] * 8), ("ibc", [True, False] * 4))
            for seed in (1, 2, 3)
        ]
    )
    (single,), (triple,) = pairs_of(once), pairs_of(thrice)
    assert triple.success.difference.p_value == pytest.approx(single.success.difference.p_value) == 2 / 2**4


def test_rows_of_one_method_get_names_of_their_own(record: Made) -> None:
    rows = group([record("bet", 1, 0.5), record("bet", 1, 0.5, step=2000), record("ibc", 1, 0.5)])
    assert list(names_of(rows).values()) == ["bet (10 steps)", "bet (2,000 steps)", "ibc"]


def test_the_table_has_letters(groups: tuple[Group, ...]) -> None:
    table = frame([each.newest for each in groups])
    assert dict(zip(table["policy"], table["letters"], strict=True)) == {"bet": "a", "ibc": "a", "act": "b"}
    assert "letters" in {column.head for column in tables(table)[0]}
    alone = frame([groups[0].newest])
    assert "letters" not in {column.head for column in tables(alone)[0]}
