"""Pairs of a suite: each is decided once, at its share of the false alarms; what is wrong is told before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.suites.pairs import decide, pairs_of
from dpbench.comparison.suites.suite import Suite, read_suite
from dpbench.comparison.until_decided import ALPHA
from dpbench.errors import DpbenchError

PAIR = '[[until_decided]]\nfirst = "{}"\nsecond = "{}"\ntask = "{}"\nepisodes = 60\nbatch = 5\n'


def suite(folder: Path, *pairs: tuple[str, str, str]) -> Suite:
    path = folder / "suite.toml"
    path.write_text("".join(PAIR.format(*pair) for pair in pairs))
    return read_suite(path)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The batches that are run: the demonstrator always succeeds, the others never."""
    found: list[str] = []

    def successes(cell: ResolvedCell, trials: Sequence[object], *_: object) -> list[bool]:
        found.append(cell.name)
        return [cell.name == "demonstrator"] * len(trials)

    monkeypatch.setattr("dpbench.comparison.until_decided.successes", successes)
    return found


def test_pairs_share_the_false_alarms_and_a_second_run_has_nothing_to_do(tmp_path: Path, runs: list[str]) -> None:
    told = suite(tmp_path, ("demonstrator", "hold", "Avoid-v1"), ("hold", "random", "Avoid-v1"))
    pairs = pairs_of([told, told])
    assert len(pairs) == 2
    first, second = decide(pairs, tmp_path / "states", 1, lambda *_: None)
    assert first.alpha == second.alpha == ALPHA / 2
    assert "demonstrator is better than hold" in first.sentence()
    assert first.n_run < 60
    assert "not decided" in second.sentence()
    assert second.n_run == 60
    n_batches = len(runs)
    assert decide(pairs, tmp_path / "states", 1, lambda *_: None) == (first, second)
    assert len(runs) == n_batches


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("hold", "nobody", "Avoid-v1"), "nobody"),
        (("hold", "random", "Nowhere-v0"), "Nowhere-v0"),
        (("hold", "zoo/missing", "Avoid-v1"), "zoo/missing"),
        (("hold", "hold", "Avoid-v1"), "the same policy"),
    ],
    ids=str,
)
def test_a_pair_that_cannot_run_is_one_line(tmp_path: Path, pair: tuple[str, str, str], told: str) -> None:
    with pytest.raises(DpbenchError) as caught:
        pairs_of([suite(tmp_path, pair)])
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
