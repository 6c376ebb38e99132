"""What a metric is: one row of `dpbench.metrics.table`, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.episode import Episode, EpisodeSet
from dpbench.metrics.statistics.estimators import Estimator
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.spec import TaskSpec

EpisodeValue = bool | int | float | str | None
"""A metric of one episode: a number, a label, or None where the episode has none."""
Value = Estimate | float
"""A metric of a set of episodes: with an interval or, for what has none, a plain number."""


@dataclass(frozen=True)
class OfEpisode:
    """Measured in each episode; the record keeps a value an episode and, for numbers, their estimate.

    Attributes:
        function: of an episode and its task.
        estimator: from the episodes to one number; None for labels.
    """

    function: Callable[[Episode, TaskSpec], EpisodeValue]
    estimator: Estimator | None


@dataclass(frozen=True)
class OfSet:
    """Measured in all episodes of an evaluation together; the record keeps the value.

    Attributes:
        function: values by the names of their metrics, so that several can share their work; a metric whose name is
            missing could not be measured.
        interval: what the interval is, in words; empty for a plain number.
    """

    function: Callable[[EpisodeSet], Mapping[str, Value]]
    interval: str


class RecordedMetrics(Protocol):
    """The metrics of a policy that its records hold, over all of its training seeds."""

    @property
    def task(self) -> TaskSpec:
        """Of the records."""
        ...

    @property
    def demonstrator(self) -> RecordedMetrics | None:
        """The task's scripted demonstrator from the same starts, where there are records of it."""
        ...

    def number(self, name: str) -> float | None:
        """Mean over training seeds; None where no record has the metric."""
        ...

    def estimate(self, name: str) -> Estimate | None:
        """With its interval over training seeds and starts; None where no record has the metric."""
        ...

    def share_above(self, name: str, above: float) -> Estimate | None:
        """Share of episodes in which a metric is above a threshold."""
        ...

    def mode_counts(self) -> NDArray[np.int64] | None:
        """Successful episodes of each of the task's modes, `(K,)`; None without any."""
        ...

    def latency_s(self, part: Literal["call_s", "control_step_s"], percentile: Literal["p50", "p95", "p99"]) -> float:
        """Mean over training seeds of a percentile of the inference latency, s."""
        ...

    def real_time(self, name: str) -> Estimate | None:
        """A metric of the episodes in real time, with its interval; None where a record lacks them."""
        ...


@dataclass(frozen=True)
class OfRecords:
    """Follows from what records hold, so that nothing more is kept.

    Attributes:
        function: of the records of one policy; None where they do not hold what it needs.
        interval: as in `OfSet`.
    """

    function: Callable[[RecordedMetrics], Value | None]
    interval: str = ""


@dataclass(frozen=True)
class Tasks:
    """The tasks that a metric is measured in.

    Attributes:
        words: which these are.
        include: whether a task is one of them.
    """

    words: str
    include: Callable[[TaskSpec], bool]


class Shown(IntEnum):
    """Where a metric is shown; each place includes those before it."""

    IN_RECORDS = 0
    IN_CSV = 1
    IN_SECOND_TABLE = 2
    IN_TABLE = 3


@dataclass(frozen=True)
class Metric:
    """One row of the table of metrics.

    Attributes:
        name: in records.
        unit: of its values.
        better: which direction is better; `"neither"` for what only describes.
        explanation: the definition, in one sentence that a legend can show.
        of: how it is measured.
        tasks: in which tasks.
        shown: where.
        head: of its column; needed from the second table on.
        format: of its number in tables.
        source: paper with section or equation.
        csv: its column in `table.csv`, where that is not `name`.
        with_interval: whether tables and CSV show low and high, too.
    """

    name: str
    unit: str
    better: Literal["higher", "lower", "neither"]
    explanation: str
    of: OfEpisode | OfSet | OfRecords
    tasks: Tasks
    shown: Shown
    head: str = ""
    format: str = ".2f"
    source: str = ""
    csv: str = ""
    with_interval: bool = False

    @property
    def column(self) -> str:
        """Its column in `table.csv`."""
        return self.csv or self.name

    @property
    def interval(self) -> str:
        """What the interval is, in words; empty for a plain number or a label."""
        if isinstance(self.of, OfEpisode):
            return self.of.estimator.interval if self.of.estimator is not None else ""
        return self.of.interval
