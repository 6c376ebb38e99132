"""check_dataset passes sound demonstrations, and names what is wrong with broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.checks import check_dataset, raise_on_failure
from dpbench.data.episodes import EpisodeStore
from dpbench.demonstrations.generation import generate
from dpbench.tasks import load_task

from .point import TASK

SHAPES = {"agent_pos": ((2,), "float32"), "action": ((2,), "float32")}


def store(path: Path, shapes: Any = SHAPES, n_steps: int = 20, **changes: NDArray[Any]) -> EpisodeStore:
    """Two episodes of random numbers in [-1, 1], some arrays replaced."""
    made = EpisodeStore.create(path / "point.zarr", shapes)
    rng = np.random.default_rng(0)
    for _ in range(2 if n_steps else 0):
        episode = {name: rng.uniform(-1, 1, (n_steps, *shape)).astype(kind) for name, (shape, kind) in shapes.items()}
        made.append({**episode, **changes})
    return made


def failed(found: EpisodeStore | Path) -> dict[str, str]:
    return {finding.name: finding.measured for finding in check_dataset(found, TASK) if finding.passed is False}


def test_sound_demonstrations_pass(tmp_path: Path) -> None:
    findings = check_dataset(store(tmp_path), TASK)
    raise_on_failure(findings)
    assert [finding.name for finding in findings if finding.passed is None] == ["replay"]


@pytest.mark.parametrize(
    ("options", "name", "measured"),
    [
        ({"n_steps": 0}, "episodes", "no episode"),
        ({"shapes": {"agent_pos": ((2,), "float32")}}, "arrays", "no array action"),
        ({"shapes": {**SHAPES, "action": ((3,), "float32")}}, "arrays", "action holds steps of shape (3,)"),
        ({"shapes": {**SHAPES, "agent_pos": ((2,), "uint8")}}, "arrays", "agent_pos holds uint8"),
        (
            {"action": np.full((20, 2), 7.0)},
            "ranges",
            "action reaches from 7 to 7, outside the bounds",
        ),
        ({"action": np.zeros((20, 2))}, "variation", "all actions are the same"),
    ],
)
def test_broken_demonstrations_are_named(tmp_path: Path, options: Any, name: str, measured: str) -> None:
    assert measured in failed(store(tmp_path, **options))[name]


def test_nan_that_came_in_behind_the_stores_back_is_named(tmp_path: Path) -> None:
    made = store(tmp_path)
    (chunk,) = (path for path in (made.path / "data/action").iterdir() if not path.name.startswith("."))
    values = np.frombuffer(chunk.read_bytes(), dtype=np.float32).copy()
    values[3] = np.nan
    chunk.write_bytes(values.tobytes())
    assert "action has NaN or infinite values in steps 0 to 40" in failed(made.path)["finite"]


def test_a_missing_store_is_one_finding(tmp_path: Path) -> None:
    assert "not an episode store" in failed(tmp_path)["the store can be opened"]


def test_replays_give_the_stored_observations(tmp_path: Path) -> None:
    task = load_task("dpbench/Avoid-v0")
    made = generate(task, tmp_path / "avoid.zarr", 2, n_workers=1)
    replay = check_dataset(made, task, n_replays=2)[-1]
    assert (replay.name, replay.passed, replay.measured) == ("replay", True, "2 episodes give the stored observations")
    broken = EpisodeStore.create(tmp_path / "broken.zarr", made.shapes())
    arrays = {name: made.read(name, 0, int(made.episode_ends[0])) for name in made.keys()}  # noqa: SIM118
    broken.append({**arrays, "action": arrays["action"][::-1]}, start_seed=int(made.start_seeds[0]))
    assert check_dataset(broken, task, n_replays=1)[-1].passed is False
