"""The committed zoo: small, whole, described, and able to act."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpbench.evaluation.rollout import rollout, trials
from dpbench.tasks import load_task
from dpbench.training.checkpoint import load_checkpoint
from dpbench.training.inference import open_policy
from dpbench.training.zoo import checkpoints, manifest

ZOO = Path(__file__).parents[1] / "zoo"
MAX_BYTES = 16 * 2**20


def test_the_manifest_lists_what_is_there() -> None:
    assert {str(path.relative_to(ZOO)) for path in checkpoints(ZOO)} == {entry.name for entry in manifest(ZOO)}


@pytest.mark.parametrize("folder", checkpoints(ZOO), ids=lambda path: path.name)
def test_every_checkpoint_is_small_whole_and_has_a_card(folder: Path) -> None:
    assert all(path.stat().st_size < MAX_BYTES for path in folder.iterdir())
    checkpoint = load_checkpoint(folder)
    assert checkpoint.description["commit"]
    assert f"{checkpoint.description['step']:,} gradient steps" in (folder / "README.md").read_text()


@pytest.mark.parametrize("folder", checkpoints(ZOO), ids=lambda path: path.name)
def test_every_checkpoint_pushes_the_block_towards_the_goal(folder: Path) -> None:
    """Three starts, from which holding still scores 0.06 and the weakest trained policy 0.23."""
    opened = open_policy(str(folder))
    task = load_task(opened.task_id)
    episodes = rollout(opened.policy, task, task.starts(), trials(task.starts(), 3, (0,)))
    assert sum(episode.rewards.max() for episode in episodes) / 3 > 0.15
