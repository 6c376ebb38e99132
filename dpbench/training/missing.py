"""Training of the checkpoints that the zoo's manifest lists and the zoo lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dpbench.policies.checkpoint_description import CHECKPOINT_JSON
from dpbench.training.run import execute, make_run
from dpbench.training.trainer import Execution
from dpbench.training.zoo import ZooEntry, export, manifest

RUNS = Path("runs/zoo")


def missing_checkpoints(zoo: Path) -> tuple[ZooEntry, ...]:
    """What the manifest lists and the zoo lacks.

    Raises:
        DataError: when the manifest cannot be read.
    """
    return tuple(entry for entry in manifest(zoo) if not (zoo / entry.name / CHECKPOINT_JSON).exists())


def train_missing(
    zoo: Path,
    device: str,
    data_dir: str | None,
    runs: Path = RUNS,
    say: Callable[[str], object] = lambda _: None,
) -> None:
    """Train each of them and export it into the zoo; an interrupted run resumes.

    Args:
        zoo: folder with `zoo.json`.
        device: torch device.
        data_dir: data root, None for the default.
        runs: folder of the runs.
        say: told what the user should know about the data.

    Raises:
        DpbenchError: for missing data, a full disk, a loss that diverges.
    """
    for entry in missing_checkpoints(zoo):
        run = make_run(
            entry.baseline, entry.task, entry.preset, entry.seed, runs / entry.name, entry.overrides, data_dir
        )
        execute(run, Execution(device=device, bf16=entry.bf16, compile=entry.compile), say=say)
        export(run.folder, zoo / entry.name)
