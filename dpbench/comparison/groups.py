"""Records that differ in their training seed only, as one row of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.statistics.estimators import MEAN, PROPORTION, Estimator
from dpbench.metrics.statistics.intervals import Estimate
from dpbench.policies.baseline import Role, role_of
from dpbench.records.record import Record
from dpbench.spec import TaskSpec
from dpbench.tasks import load_task

OF_ONE_TRAINING = ("seed", "checkpoint_sha256")
"""Fields of a policy's identity that another training seed changes."""


@dataclass(frozen=True)
class Group:
    """Records of one policy, one a training seed; what `OfRecords` metrics are functions of.

    Attributes:
        records: in the order of their training seeds; the newest of each.
        demonstrator: the scripted demonstrator on the same task and starts, where there are records of it.
    """

    records: tuple[Record, ...]
    demonstrator: Group | None = None

    @property
    def newest(self) -> Record:
        """The record of the last training seed; what is shown of a policy beside its metrics comes from it."""
        return self.records[-1]

    @property
    def task(self) -> TaskSpec:
        """Of the records."""
        return load_task(self.newest.cell.task)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds; empty for a policy that is not trained."""
        return tuple(record.policy.seed for record in self.records if record.policy.seed is not None)

    def per_seed(self, name: str) -> tuple[float, ...]:
        """A metric of each record that has it."""
        return tuple(value for record in self.records if (value := record.number(name)) is not None)

    def number(self, name: str) -> float | None:
        """Mean over training seeds; None where no record has the metric."""
        return _mean(self.per_seed(name))

    def estimate(self, name: str) -> Estimate | None:
        """A metric of episodes over all training seeds; None where a record does not have it.

        One seed: as in the record's summary, the interval over starts. More: the interval over seeds and starts.
        """
        if len(self.records) == 1:
            return self.records[0].estimate(name) if name in self.records[0].summary else None
        values = self._values(name)
        return None if values is None else self._over_seeds(values, PROPORTION if values.dtype == np.bool_ else MEAN)

    def share_above(self, name: str, above: float) -> Estimate | None:
        """Share of episodes in which a metric is above a threshold, over all training seeds."""
        values = self._values(name)
        if values is None:
            return None
        passed = values.astype(np.float64) > above
        if len(self.records) == 1:
            return PROPORTION.over_starts(passed, self._starts())
        return self._over_seeds(passed, PROPORTION)

    def real_time(self, name: str) -> Estimate | None:
        """A metric of the episodes in real time over all training seeds; None where a record lacks them.

        The interval is as in `estimate`.
        """
        parts = [record.real_time for record in self.records if record.real_time is not None]
        if len(parts) < len(self.records) or not all(name in part.summary for part in parts):
            return None
        if len(parts) == 1:
            value = parts[0].summary[name]
            return value if isinstance(value, Estimate) else None
        values = np.concatenate([part.episodes.column(name) for part in parts])
        return self._over_seeds(values, PROPORTION if values.dtype == np.bool_ else MEAN)

    def mode_counts(self) -> NDArray[np.int64] | None:
        """Successful episodes of each mode over all training seeds, `(K,)`; None without any."""
        counts = self.counts_by_mode()
        return np.array(list(counts.values()), dtype=np.int64) if sum(counts.values()) else None

    def counts_by_mode(self) -> dict[str, int]:
        """Mode -> successful episodes; empty for a task without modes."""
        counts: dict[str, int] = {}
        for record in self.records:
            for mode, count in record.mode_counts().items():
                counts[mode] = counts.get(mode, 0) + count
        return counts

    def latency_s(self, part: Literal["call_s", "control_step_s"], percentile: Literal["p50", "p95", "p99"]) -> float:
        """Mean over training seeds of a percentile of the inference latency, s."""
        times: list[float] = [getattr(getattr(record.latency, part), percentile) for record in self.records]
        return sum(times) / len(times)

    def _over_seeds(self, values: NDArray[Any], estimator: Estimator) -> Estimate:
        numbers = [np.full(len(record.episodes), number) for number, record in enumerate(self.records)]
        return estimator.over_seeds(values, self._starts(), np.concatenate(numbers).astype(np.int64))

    def _starts(self) -> NDArray[np.int64]:
        return np.array([seed for record in self.records for seed in record.episodes.start_seed], dtype=np.int64)

    def _values(self, name: str) -> NDArray[Any] | None:
        """A metric in all episodes; None where a record does not have it."""
        if not all(name in record.episodes.columns() for record in self.records):
            return None
        return np.array([value for record in self.records for value in record.episodes.columns()[name]])


def group(records: Sequence[Record]) -> tuple[Group, ...]:
    """Put records together that differ in their training seed only; of one seed the last one counts."""
    groups: dict[str, dict[int | None, Record]] = {}
    for record in records:
        groups.setdefault(without_seed(record), {})[training_seed(record)] = record
    found = [Group(tuple(members[seed] for seed in sorted(members, key=str))) for members in groups.values()]
    scripts = {
        (one.newest.cell.task, one.newest.cell.starts): one
        for one in found
        if role_of(one.newest.policy.baseline) is Role.DEMONSTRATOR
    }
    return tuple(
        replace(one, demonstrator=scripts.get((one.newest.cell.task, one.newest.cell.starts))) for one in found
    )


def with_other_seeds(records: Sequence[Record], known: Sequence[Record]) -> list[Record]:
    """Add the known records of other training seeds, whose checkpoints need not be in the zoo.

    Args:
        records: of the comparison.
        known: further records, the oldest first; of one seed the last one counts.
    """
    compared = {(without_seed(record), training_seed(record)) for record in records}
    wanted = {key for key, _ in compared}
    others = {
        (key, training_seed(record)): record
        for record in known
        if (key := without_seed(record)) in wanted and (key, training_seed(record)) not in compared
    }
    return [*records, *others.values()]


def training_seed(record: Record) -> int | None:
    """The training seed, None for a policy that is not trained."""
    return record.policy.seed


def without_seed(record: Record) -> str:
    """What a record evaluated, training seed aside."""
    cell = record.cell.model_dump(mode="json")
    policy = {key: value for key, value in cell["policy"].items() if key not in OF_ONE_TRAINING}
    return json.dumps({**cell, "policy": policy}, sort_keys=True)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
