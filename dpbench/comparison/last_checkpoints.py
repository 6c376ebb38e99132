"""The last checkpoints of a run: evaluated one by one, put together in a few figures, and one of them chosen.

Chosen is on start states from which no result is reported (`dpbench.starts`); the figures are of the reported ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.groups import OF_ONE_TRAINING
from dpbench.errors import ConfigError
from dpbench.metrics.statistics.checkpoints import OverCheckpoints, over_checkpoints
from dpbench.metrics.statistics.estimators import BOOTSTRAP_SEED
from dpbench.metrics.table import score_of
from dpbench.policies.checkpoint import load_checkpoint, save_checkpoint
from dpbench.records.record import Record
from dpbench.spec import TaskSpec
from dpbench.starts import SELECTION
from dpbench.tasks import load_task
from dpbench.training.kept import kept_checkpoints

CHOSEN = "chosen"
"""Folder of a run that holds the chosen checkpoint."""


@dataclass(frozen=True)
class LastCheckpoints:
    """Records that differ in training seed and step only.

    Attributes:
        steps: of the checkpoints that every training seed has, ascending.
        by_seed: training seed -> its records in the order of `steps`.
    """

    steps: tuple[int, ...]
    by_seed: Mapping[int, tuple[Record, ...]]

    @property
    def newest(self) -> Record:
        """The last checkpoint of the last training seed."""
        return list(self.by_seed.values())[-1][-1]

    @property
    def task(self) -> TaskSpec:
        """Of the records."""
        return load_task(self.newest.cell.task)

    def values(self, metric: str) -> NDArray[np.float64]:
        """A metric by training seed, checkpoint and start, `(S, C, N)`; repeats of a start are averaged."""
        return np.array([[_by_start(record, metric) for record in records] for records in self.by_seed.values()])

    def figures(self, metric: str) -> OverCheckpoints:
        """The figures of a metric of episodes."""
        return over_checkpoints(self.values(metric), np.random.default_rng(BOOTSTRAP_SEED))


def last_checkpoints(records: Sequence[Record]) -> tuple[LastCheckpoints, ...]:
    """Put records of kept checkpoints together; what has less than two checkpoints or two starts is left out.

    Args:
        records: any; the newest of each checkpoint counts. Those of other policies, and those from the starts for
            choosing, are passed over.
    """
    found: dict[str, dict[int, dict[int, Record]]] = {}
    for record in records:
        policy = record.policy
        if policy.run_steps is None or policy.seed is None or policy.step is None or record.cell.starts == SELECTION:
            continue
        found.setdefault(_without_checkpoint(record), {}).setdefault(policy.seed, {})[policy.step] = record
    groups = []
    for by_seed in found.values():
        steps = tuple(sorted(set.intersection(*(set(of_seed) for of_seed in by_seed.values()))))
        members = {seed: tuple(by_seed[seed][step] for step in steps) for seed in sorted(by_seed)}
        if len(steps) > 1 and len(next(iter(members.values()))[0].cell.start_seeds) > 1:
            groups.append(LastCheckpoints(steps, members))
    return tuple(groups)


def cells_of(
    run: Path, starts: str | None, n_starts: int | None = None, device: str = "cpu"
) -> tuple[ResolvedCell, ...]:
    """A cell for each checkpoint that a run kept, by ascending step.

    Args:
        run: its folder.
        starts: name of the start protocol, None for the task's first.
        n_starts: number of start states, None for all of the protocol.
        device: torch device.

    Raises:
        ConfigError: for a folder without two kept checkpoints.
        DpbenchError: as `resolve`.
    """
    folders = kept_checkpoints(run)
    if len(folders) < 2:
        raise ConfigError(
            f"{run} holds {len(folders)} kept checkpoints, expected two at least; train with --keep-checkpoints 10."
        )
    return tuple(
        resolve(Cell(str(folder), starts=starts, n_starts=n_starts, sampler_seeds=(0,), device=device))
        for folder in folders
    )


def choose(run: Path, records: Sequence[Record]) -> Record:
    """Write the checkpoint with the best score to the folder `chosen` of a run; it says on what it was chosen.

    Of equal scores the larger success rate decides, then the later step.

    Args:
        run: its folder.
        records: one a kept checkpoint, from the starts for choosing.

    Returns:
        The record of the chosen one.

    Raises:
        ConfigError: for records from starts that results are reported from.
        DpbenchError: when the checkpoint is corrupt or cannot be written.
    """
    if reported := next((one for one in records if one.cell.starts != SELECTION), None):
        raise ConfigError(f"results are reported from {reported.cell.starts}: choose from the starts {SELECTION!r}.")
    score = score_of(load_task(records[0].cell.task))
    best = max(records, key=lambda one: (one.number(score) or 0.0, one.number("success") or 0.0, one.policy.step or 0))
    (folder,) = (path for path in kept_checkpoints(run) if path.name == f"step-{best.policy.step}")
    checkpoint = load_checkpoint(folder)
    told = {key: value for key, value in checkpoint.description.items() if key not in ("weights", "weights_sha256")}
    chosen_on = {"starts": SELECTION, "start_seeds": list(best.cell.start_seeds), "metric": score}
    candidates = [
        {"step": one.policy.step, score: one.number(score), "success": one.number("success")} for one in records
    ]
    description = {**told, "chosen_on": chosen_on, "candidates": candidates}
    save_checkpoint(run / CHOSEN, description, checkpoint.weights, checkpoint.normalisers)
    return best


def _without_checkpoint(record: Record) -> str:
    cell = record.cell.model_dump(mode="json")
    policy = {key: value for key, value in cell["policy"].items() if key not in (*OF_ONE_TRAINING, "step")}
    return json.dumps({**cell, "policy": policy}, sort_keys=True)


def _by_start(record: Record, metric: str) -> NDArray[np.float64]:
    """Mean of each start, in the order of the cell's start seeds."""
    means = record.episodes.by_start(metric)
    return np.array([means[seed] for seed in record.cell.start_seeds])
