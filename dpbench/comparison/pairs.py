"""Policies of one task, two by two, on the starts that both ran: which are told apart, and what would tell the rest.

The tests speak of the policies as they were trained: what varies is the start. Three training seeds are too few for a
test of "another training" (of 20 ways to deal six policies out to two methods, the most extreme has p = 0.1).
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpbench.comparison.groups import Group
from dpbench.metrics.statistics.estimators import BOOTSTRAP_SEED
from dpbench.metrics.statistics.many import holm, letters
from dpbench.metrics.statistics.paired import Difference, Paired, exact_paired_test, paired_bootstrap
from dpbench.metrics.statistics.power import MOST_STARTS, approximate_starts
from dpbench.metrics.table import score_of

LEVEL = 0.05
"""Chance of any false alarm among the pairs of a task."""
POWER = 0.8
"""With which the starts are told that would tell a pair apart (Cohen 1988)."""


class Verdict(enum.Enum):
    """Of the first policy of a pair, beside the second."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "not told apart"


@dataclass(frozen=True)
class Tested:
    """One figure of a pair.

    Attributes:
        first: mean over the shared starts of the first policy.
        second: of the second one.
        difference: first minus second, its interval, and the p-value of this pair alone.
        holm: p-value corrected for all pairs of the task.
        starts_that_tell: number of starts at which a difference as large as this one is found with a power of 80 %;
            None where the two are equal, or a million starts would not do.
    """

    first: float
    second: float
    difference: Difference
    holm: float
    starts_that_tell: int | None

    @property
    def verdict(self) -> Verdict:
        """At a level of 5 % for all pairs of the task together."""
        if self.holm > LEVEL:
            return Verdict.OPEN
        return Verdict.BETTER if self.difference.estimate.mean > 0 else Verdict.WORSE


@dataclass(frozen=True)
class Pair:
    """Two policies of one task.

    Attributes:
        first: a group of records.
        second: another one.
        n_starts: that both ran.
        success: McNemar's exact test (with several episodes a start, its form for clusters).
        score: paired bootstrap over starts; None where a record does not have the score.
    """

    first: Group
    second: Group
    n_starts: int
    success: Tested
    score: Tested | None


@dataclass(frozen=True)
class _Runs:
    """What a group did at each of its starts: `{start: (successes, trials)}` and `{start: mean score}`."""

    counts: dict[int, tuple[int, int]]
    scores: dict[int, float] | None

    def paired(self, starts: Sequence[int]) -> Paired:
        successes, trials = zip(*(self.counts[start] for start in starts), strict=True)
        return Paired(np.array(successes, dtype=np.int64), np.array(trials, dtype=np.int64))


def pairs_of(groups: Sequence[Group]) -> tuple[Pair, ...]:
    """Every two policies that ran the same starts; two that share none are passed over.

    Args:
        groups: of one task and one list of starts.
    """
    runs = [_runs(each) for each in groups]
    shared = _shared(runs)
    if not shared:
        return ()
    exact = _exact(runs, shared)
    success = _tested([_success(runs, pair, starts) for pair, starts in shared.items()], [*exact.values()])
    known = {pair: starts for pair, starts in shared.items() if all(runs[each].scores is not None for each in pair)}
    scores = dict(zip(known, _tested([_score(runs, pair, starts) for pair, starts in known.items()]), strict=True))
    return tuple(
        Pair(groups[pair[0]], groups[pair[1]], len(starts), tested, scores.get(pair))
        for (pair, starts), tested in zip(shared.items(), success, strict=True)
    )


def letters_of(groups: Sequence[Group]) -> tuple[str, ...]:
    """Compact letters of policies: two share one when their success is not told apart.

    Args:
        groups: of one task and one list of starts, the best first; one that is alone gets none.
    """
    if len(groups) == 1:
        return ("",)
    runs = [_runs(each) for each in groups]
    found = _exact(runs, _shared(runs))
    corrected = holm([*found.values()])
    return letters(len(groups), [pair for pair, p_value in zip(found, corrected, strict=True) if p_value <= LEVEL])


def _runs(group: Group) -> _Runs:
    score = score_of(group.task)
    counts: dict[int, tuple[int, int]] = {}
    sums: dict[int, float] = {}
    scored = all(score in record.episodes.columns() for record in group.records)
    for record in group.records:
        for start, success in zip(record.episodes.start_seed, record.episodes.success, strict=True):
            successes, trials = counts.get(start, (0, 0))
            counts[start] = successes + success, trials + 1
        if scored:
            for start, value in zip(record.episodes.start_seed, record.episodes.column(score).tolist(), strict=True):
                sums[start] = sums.get(start, 0.0) + float(value)
    means = {start: total / counts[start][1] for start, total in sums.items()}
    return _Runs(counts, means if scored else None)


Shared = dict[tuple[int, int], tuple[int, ...]]
"""Numbers of two groups -> the starts that both ran."""


def _shared(runs: Sequence[_Runs]) -> Shared:
    pairs = itertools.combinations(range(len(runs)), 2)
    both = {(one, two): tuple(sorted(runs[one].counts.keys() & runs[two].counts.keys())) for one, two in pairs}
    return {pair: starts for pair, starts in both.items() if starts}


def _exact(runs: Sequence[_Runs], shared: Shared) -> dict[tuple[int, int], float]:
    return {
        (one, two): exact_paired_test(runs[one].paired(starts), runs[two].paired(starts))
        for (one, two), starts in shared.items()
    }


def _success(runs: Sequence[_Runs], pair: tuple[int, int], starts: Sequence[int]) -> NDArray[np.float64]:
    return np.stack([runs[each].paired(starts).rates for each in pair])


def _score(runs: Sequence[_Runs], pair: tuple[int, int], starts: Sequence[int]) -> NDArray[np.float64]:
    return np.array([[(runs[each].scores or {})[start] for start in starts] for each in pair])


def _tested(values: Sequence[NDArray[np.float64]], exact: Sequence[float] | None = None) -> list[Tested]:
    """A figure of all pairs of a task.

    Args:
        values: of both policies at each shared start, `(2, S)` a pair.
        exact: p-values; None for those of the bootstrap.
    """
    found = _differences([each[0] - each[1] for each in values])
    if exact is not None:
        found = [Difference(one.estimate, p_value) for one, p_value in zip(found, exact, strict=True)]
    corrected = holm([one.p_value for one in found])
    return [
        Tested(
            float(each[0].mean()), float(each[1].mean()), one, float(p_value), _that_tell(each[0] - each[1], len(found))
        )
        for each, one, p_value in zip(values, found, corrected, strict=True)
    ]


def _differences(differences: Sequence[NDArray[np.float64]]) -> list[Difference]:
    """Pairs with equally many starts are resampled together."""
    found: dict[int, Difference] = {}
    for n_starts in dict.fromkeys(len(each) for each in differences):
        places = [place for place, each in enumerate(differences) if len(each) == n_starts]
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        found |= zip(places, paired_bootstrap(np.stack([differences[place] for place in places]), rng), strict=True)
    return [found[place] for place in range(len(differences))]


def _that_tell(differences: NDArray[np.float64], n_pairs: int) -> int | None:
    mean = float(differences.mean())
    if abs(mean) < 1e-9:
        return None
    needed = approximate_starts(mean, float((differences**2).mean()), POWER, LEVEL / n_pairs)
    return needed if needed <= MOST_STARTS else None
