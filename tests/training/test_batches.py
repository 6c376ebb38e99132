"""Training data: what is left out is counted, what is not the task's is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dpbench.data.episodes import EpisodeStore
from dpbench.errors import DataError
from dpbench.spec import Horizon
from dpbench.tasks import load_task
from dpbench.training.batches import TrainingData, training_data

TASK = load_task("dpbench/BlockPush-v0")


def stored(path: Path, lengths: list[int], scale: float = 0.03, n_actions: int = 2) -> EpisodeStore:
    rng = np.random.default_rng(0)
    shapes = {"action": n_actions, "agent_pos": 2, "environment_state": 14}
    store = EpisodeStore.create(path, {name: ((width,), "float32") for name, width in shapes.items()})
    for length in lengths:
        episode = {name: rng.uniform(0.0, scale, (length, width)).astype(np.float32) for name, width in shapes.items()}
        store.append(episode, durable=False)
    return store


def data(store: EpisodeStore, seed: int = 0) -> TrainingData:
    return training_data(store, TASK, Horizon(2, 16, 8), 0.1, seed, torch.device("cpu"))


def test_episodes_that_are_too_short_are_counted(tmp_path: Path) -> None:
    short = data(stored(tmp_path / "short.zarr", [6, 20] * 20))
    assert short.notes == (
        "20 of 40 episodes are left out: they are shorter than the 8 steps that a window of horizon = 16 takes.",
    )
    assert data(stored(tmp_path / "long.zarr", [20] * 20)).notes == ()


def test_a_validation_episode_that_is_too_short_is_named_as_one(tmp_path: Path) -> None:
    store = stored(tmp_path / "demos.zarr", [5, *[20] * 9])
    outcomes = set()
    for seed in range(30):
        try:
            outcomes.add(len(data(store, seed).notes))
        except DataError as error:
            outcomes.add(str(error)[:48])
    assert outcomes == {1, "no validation episode is long enough: the longes"}


def test_actions_of_another_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shape \(5,\); dpbench/BlockPush-v0 expects \(2,\)"):
        data(stored(tmp_path / "five.zarr", [20] * 10, n_actions=5))
    with pytest.raises(DataError, match=r"units\.zarr: array .* far outside the bounds of dpbench/BlockPush-v0"):
        data(stored(tmp_path / "units.zarr", [20] * 10, scale=600.0))


def test_batches_say_which_actions_are_real_only_where_a_method_asks(tmp_path: Path) -> None:
    store = stored(tmp_path / "demos.zarr", [20] * 5)
    plain, masked = (
        training_data(store, TASK, Horizon(1, 8, 8), 0.2, 0, torch.device("cpu"), masks_padding=asks)
        for asks in (False, True)
    )
    assert plain.batch(plain.train).real is None
    batch = masked.batch(masked.train)
    assert torch.equal(batch.actions, plain.batch(plain.train).actions)
    assert batch.real is not None
    assert batch.real.shape == (4 * 20, 8)
    assert int((~batch.real).sum()) == 4 * sum(range(1, 8))
