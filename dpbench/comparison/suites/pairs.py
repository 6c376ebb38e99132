"""The pairs of a suite that are run until one of the two is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.suites.suite import PairPart, Suite
from dpbench.comparison.until_decided import ALPHA, Decision, check_pair, until_decided
from dpbench.tasks import find_task


@dataclass(frozen=True)
class Pair:
    """Two policies with their starts, each run once, and the starts between two looks."""

    first: ResolvedCell
    second: ResolvedCell
    batch: int


def pairs_of(suites: Iterable[Suite]) -> tuple[Pair, ...]:
    """The pairs of suites, each once.

    Raises:
        UnknownNameError, CheckpointError, ConfigError: as `resolve` and `check_pair`.
    """
    parts = dict.fromkeys(part for suite in suites for part in suite.until_decided)
    pairs = tuple(Pair(_cell(part, part.first), _cell(part, part.second), part.batch) for part in parts)
    for pair in pairs:
        check_pair(pair.first, pair.second)
    return pairs


def decide(
    pairs: tuple[Pair, ...], folder: Path, n_workers: int, on_done: Callable[[int], object]
) -> tuple[Decision, ...]:
    """Run one pair after the other; what was run before is known.

    Args:
        pairs: of the suite; each is decided at `ALPHA` divided by their number (Bonferroni).
        folder: of the states of pairs.
        n_workers: processes for the rollouts.
        on_done: called with the number of episodes that have just ended, or were known.

    Raises:
        DpbenchError: as `until_decided`.
    """
    return tuple(
        until_decided(pair.first, pair.second, folder, n_workers, pair.batch, ALPHA / len(pairs), on_done)
        for pair in pairs
    )


def _cell(part: PairPart, policy: str) -> ResolvedCell:
    task = find_task(part.task) if part.task is not None else None
    return resolve(Cell(policy, task, part.starts, part.episodes, (0,), device=part.device))
