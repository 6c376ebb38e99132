"""Records that differ in their training seed only, as one row of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.metrics.statistics.intervals import Estimate, crossed_mean, crossed_proportion, proportion
from dpbench.records.record import Record

BOOTSTRAP_SEED = 0
OF_ONE_TRAINING = ("seed", "checkpoint_sha256")
"""Fields of a policy's identity that another training seed changes."""


@dataclass(frozen=True)
class Group:
    """Records of one policy, one a training seed.

    Attributes:
        records: in the order of their training seeds; the newest of each.
    """

    records: tuple[Record, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds; empty for a policy that is not trained."""
        found = (training_seed(record) for record in self.records)
        return tuple(seed for seed in found if seed is not None)

    def per_seed(self, name: str) -> tuple[float, ...]:
        """A figure of the summaries, one a training seed."""
        return tuple(record.estimate(name).mean for record in self.records)

    def estimate(self, name: str) -> Estimate:
        """A figure over all training seeds.

        One seed: as in the record's summary, the interval over starts. More: the interval over seeds and starts.

        Args:
            name: of the metric, e.g. `"success"`.
        """
        if len(self.records) == 1:
            return self.records[0].estimate(name)
        values, starts, seeds = (self._column(key) for key in (name, "start_seed", None))
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        if values.dtype == np.bool_:
            return crossed_proportion(values, starts.astype(np.int64), seeds.astype(np.int64), rng)
        return crossed_mean(values.astype(np.float64), starts.astype(np.int64), seeds.astype(np.int64), rng)

    def stage(self, above: float) -> Estimate:
        """Share of episodes whose largest score is above a stage's threshold, over all training seeds."""
        passed, starts, seeds = (self._column(key) for key in ("max_score", "start_seed", None))
        passed = passed.astype(np.float64) > above
        if len(self.records) == 1:
            return proportion(passed, starts.astype(np.int64))
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        return crossed_proportion(passed, starts.astype(np.int64), seeds.astype(np.int64), rng)

    def _column(self, key: str | None) -> NDArray[Any]:
        """A column of all episodes; None for the number of the training seed."""
        return np.concatenate(
            [
                record.episodes.column(key) if key else np.full(len(record.episodes), number)
                for number, record in enumerate(self.records)
            ]
        )


def group(records: Sequence[Record]) -> tuple[Group, ...]:
    """Put records together that differ in their training seed only; of one seed the last one counts."""
    groups: dict[str, dict[int | None, Record]] = {}
    for record in records:
        groups.setdefault(without_seed(record), {})[training_seed(record)] = record
    return tuple(Group(tuple(members[seed] for seed in sorted(members, key=str))) for members in groups.values())


def training_seed(record: Record) -> int | None:
    """The training seed, None for a policy that is not trained."""
    return record.policy.seed


def without_seed(record: Record) -> str:
    """What a record evaluated, training seed aside."""
    cell = record.cell.model_dump(mode="json")
    policy = {key: value for key, value in cell["policy"].items() if key not in OF_ONE_TRAINING}
    return json.dumps({**cell, "policy": policy}, sort_keys=True)
