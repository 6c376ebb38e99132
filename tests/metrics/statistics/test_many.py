"""Holm's correction as published, and letters that say exactly what the tests say."""

from __future__ import annotations

import itertools
import random

import pytest

from dpbench.metrics.statistics.many import holm, letters


def test_holms_correction_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, and never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_letters_of_the_usual_chain() -> None:
    assert letters(4, [(0, 2), (0, 3), (1, 3)]) == ("a", "ab", "bc", "c")
    assert letters(3, []) == ("a", "a", "a")
    assert letters(3, [(0, 1), (0, 2), (1, 2)]) == ("a", "b", "c")


def test_two_rows_share_a_letter_exactly_when_they_are_not_told_apart() -> None:
    rng = random.Random(0)
    for n in range(2, 9):
        for density in (0.1, 0.5, 0.9):
            apart = {pair for pair in itertools.combinations(range(n), 2) if rng.random() < density}
            found = letters(n, apart)
            assert all(found), "every row has a letter"
            for one, two in itertools.combinations(range(n), 2):
                assert bool(set(found[one]) & set(found[two])) == ((one, two) not in apart)


def test_there_are_more_letters_than_the_alphabet_has() -> None:
    found = letters(30, list(itertools.combinations(range(30), 2)))
    assert len(set(found)) == 30
    assert found[25:28] == ("z", "a1", "b1")
