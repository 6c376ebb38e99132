"""A regression gate: whether a new evaluation is good enough, and no worse than an earlier one from the same starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpbench.comparison.cells import ResolvedCell
from dpbench.comparison.groups import Group
from dpbench.comparison.pairs import LEVEL, Tested, Verdict, pairs_of
from dpbench.errors import ConfigError, shown
from dpbench.metrics.metric import OfEpisode, OfSet
from dpbench.metrics.table import metrics_of
from dpbench.records.record import Record
from dpbench.spec import TaskSpec

SAME = ("protocol_version", "task", "starts", "reset_options", "start_seeds", "sampler_seeds")
"""Of the cells of two records that are compared."""


@dataclass(frozen=True)
class Judged:
    """What a gate says: whether it lets a record pass, and why, in one sentence."""

    passed: bool
    why: str


def bounds(texts: tuple[str, ...], task: TaskSpec) -> Mapping[str, float]:
    """`METRIC=VALUE` texts as lowest values.

    Raises:
        ConfigError: for a metric that records of the task do not hold, a value that is no number, or one given twice.
    """
    known = [one.name for one in metrics_of(task) if isinstance(one.of, OfSet) or _is_number(one.of)]
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in known:
            raise ConfigError(f"--fail-below {shown(text)}: {task.id} has {', '.join(known)}.")
        if name in found:
            raise ConfigError(f"--fail-below {shown(text)}: {name} is there twice.")
        found[name] = _number(text, value)
    return found


def check_comparable(cell: ResolvedCell, earlier: Record) -> None:
    """Raise a ConfigError unless a cell has the starts of an earlier record."""
    for name in SAME:
        ours, theirs = getattr(cell.evaluated, name), getattr(earlier.cell, name)
        if ours != theirs:
            raise ConfigError(
                f"--against: its record has {name} {shown(theirs)}, this evaluation {shown(ours)}; use the same."
            )


def at_least(record: Record, lowest: Mapping[str, float]) -> tuple[Judged, ...]:
    """Whether each metric of a record reaches its lowest value; one that could not be measured does not."""
    judged = []
    for name, low in lowest.items():
        value = record.number(name)
        passed = value is not None and value >= low
        told = "could not be measured" if value is None else f"is {value:g}"
        judged.append(Judged(passed, f"{name} {told}, {'at least' if passed else 'below'} {low:g}"))
    return tuple(judged)


def against(record: Record, earlier: Record) -> Judged:
    """Whether a record is no worse than an earlier one, by paired tests of success and score on the shared starts."""
    pair = pairs_of([Group((record,)), Group((earlier,))])[0]
    tested = {"success": pair.success, **({"score": pair.score} if pair.score is not None else {})}
    worse = [name for name, one in tested.items() if one.verdict is Verdict.WORSE]
    told = "; ".join(f"{name} {_told(one)}" for name, one in tested.items())
    verdict = f"{' and '.join(worse)} worse" if worse else "not worse"
    return Judged(not worse, f"{verdict} than the earlier record on {pair.n_starts} starts: {told} (level {LEVEL:g})")


def _told(one: Tested) -> str:
    return f"{one.first:.3f} after {one.second:.3f}, p = {one.difference.p_value:.2g}"


def _is_number(of: object) -> bool:
    return isinstance(of, OfEpisode) and of.estimator is not None


def _number(text: str, value: str) -> float:
    try:
        number = float(value) if value.isascii() and "_" not in value else float("nan")
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise ConfigError(f"--fail-below {shown(text)}: expected METRIC=VALUE, such as success=0.8.")
    return number
