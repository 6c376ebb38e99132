"""A small evaluation as a stranger would submit it: a tiny network from three starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.evaluate import evaluate
from dpbench.records import store
from dpbench.records.record import EvaluatedCell
from dpbench.spec import EvaluationStarts
from dpbench.tasks import load_task

from ..policies import small_checkpoint

N_STARTS = 3


@dataclass(frozen=True)
class Submitted:
    """A folder with one record and its trajectories, and the folder of its checkpoint."""

    folder: Path
    checkpoint: Path

    @property
    def record(self) -> Path:
        return next(self.folder.glob("*.json"))

    @property
    def trajectories(self) -> Path:
        return next(self.folder.glob("*.npz"))

    def change(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the JSON, and give the cell the identity that it has then, as a forger would."""
        content = json.loads(self.record.read_text())
        change(content)
        if content["cell"] != json.loads(self.record.read_text())["cell"]:
            content["identity"] = EvaluatedCell.model_validate_json(json.dumps(content["cell"])).identity()
        self.record.write_text(json.dumps(content))


@pytest.fixture(scope="session")
def few_starts() -> Iterator[None]:
    """Push-T with three starts, short episodes aside as it is."""
    with pytest.MonkeyPatch.context() as patch:
        task = load_task("dpbench/PushT-v0")
        starts = task.evaluation[0]
        few = EvaluationStarts(starts.name, starts.first_seed, N_STARTS, starts.reset_options)
        patch.setattr("dpbench.envs.pusht.task.STATE", replace(task, evaluation=(few, *task.evaluation[1:])))
        yield


@pytest.fixture(scope="session")
def made(few_starts: None, tmp_path_factory: pytest.TempPathFactory) -> Submitted:  # noqa: ARG001
    root = tmp_path_factory.mktemp("submitted")
    checkpoint = small_checkpoint.write(root / "checkpoint")
    done = evaluate(resolve(Cell(str(checkpoint), sampler_seeds=(0,))), 1)
    store.add(root / "made", done.record, done.recorded)
    return Submitted(root / "made", checkpoint)


@pytest.fixture
def submitted(made: Submitted, tmp_path: Path) -> Submitted:
    """A copy that a test may damage."""
    folder = tmp_path / "submitted"
    folder.mkdir()
    for path in made.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return Submitted(folder, made.checkpoint)
