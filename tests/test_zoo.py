"""The committed zoo: small, whole, described, and able to act."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.comparison.cells import Cell, resolve
from dpbench.evaluation.rollout import rollout, trials
from dpbench.policies.checkpoint import checkpoint_folders, load_checkpoint
from dpbench.policies.networks import n_parameters_of
from dpbench.policies.opening import describe_policy, open_policy
from dpbench.records import store
from dpbench.tasks import load_task
from dpbench.training.model_card import model_card
from dpbench.training.zoo import manifest

ZOO = Path(__file__).parents[1] / "zoo"
RECORDS = store.read_all(ZOO.parent / "leaderboards" / "records")
MAX_BYTES = 16 * 2**20


def without(description: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in description.items() if name != key}


def test_the_manifest_lists_what_is_there() -> None:
    assert {str(path.relative_to(ZOO)) for path in checkpoint_folders(ZOO)} == {entry.name for entry in manifest(ZOO)}


@pytest.mark.parametrize("folder", checkpoint_folders(ZOO), ids=lambda path: path.name)
def test_every_checkpoint_is_small_whole_and_has_a_card(folder: Path) -> None:
    assert all(path.stat().st_size < MAX_BYTES for path in folder.iterdir())
    checkpoint = load_checkpoint(folder)
    assert checkpoint.description["commit"]
    assert (folder / "README.md").read_text() == model_card(checkpoint.description, folder.name), "write_card(folder)"
    assert checkpoint.description["n_parameters"] == n_parameters_of(without(checkpoint.description, "n_parameters"))


@pytest.mark.parametrize("folder", checkpoint_folders(ZOO), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_checkpoint_acts(folder: Path) -> None:
    described = describe_policy(str(folder))
    task = load_task(described.task_id)
    (episode,) = rollout(open_policy(described), task, task.starts(), trials(task.starts(), 1, (0,)), max_steps=10)
    low, high = np.array(task.action.low), np.array(task.action.high)
    middle, half = (low + high) / 2, (high - low) / 2
    assert np.isfinite(episode.actions).all()
    assert (np.abs(episode.actions - middle) < 1.5 * half).all(), "far outside of the bounds"


@pytest.mark.parametrize("folder", checkpoint_folders(ZOO / "PushTKeypoints-v0"), ids=lambda path: path.name)
def test_every_checkpoint_pushes_as_its_record_says(folder: Path) -> None:
    """Three starts; other processors round differently, so that one episode may part ways with the recorded one."""
    cell = resolve(Cell(str(folder), sampler_seeds=(0,)))
    record = store.newest(RECORDS, cell.identity, None)
    assert record is not None, "dpbench compare"
    episodes = rollout(open_policy(cell.policy), cell.task, cell.starts, cell.trials[:3])
    scores = [episode.rewards.max() for episode in episodes]
    assert np.mean(scores) == pytest.approx(np.mean(record.episodes.column("max_reward")[:3]), abs=0.3)
