"""Generated demonstrations: successful, resumable, and the same with any number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.cli import main
from dpbench.data.episodes import EpisodeStore
from dpbench.demonstrations import generation
from dpbench.demonstrations.generation import ATTEMPT_STRIDE, demonstrate, generate
from dpbench.errors import ConfigError, DataError
from dpbench.policies.demonstrator import scripted_demonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.spaces import flatten
from dpbench.tasks import load_task

TASK = "dpbench/Avoid-v0"


def test_a_resumed_run_gives_the_store_of_an_uninterrupted_one(tmp_path: Path) -> None:
    task = load_task(TASK)
    uninterrupted = generate(task, tmp_path / "uninterrupted.zarr", 6, n_workers=2)
    generate(task, tmp_path / "pieces.zarr", 2, n_workers=1)
    pieces = generate(task, tmp_path / "pieces.zarr", 6, n_workers=1)
    assert uninterrupted.n_episodes == pieces.n_episodes == 6
    for name in ("agent_pos", "target", "action"):
        assert np.array_equal(uninterrupted.read(name), pieces.read(name))
    assert uninterrupted.start_seeds.tolist() == pieces.start_seeds.tolist() == list(range(6))
    assert uninterrupted.attempts.tolist() == pieces.attempts.tolist() == [0] * 6


def test_a_demonstration_begins_at_the_first_start_from_which_the_script_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = generation._successful_episode
    monkeypatch.setattr(
        generation, "_successful_episode", lambda env, seed, act: [] if seed < 2_000_000 else run(env, seed, act)
    )
    made = demonstrate(TASK, 5)
    assert (made.start_seed, made.attempt) == (5 + 2 * ATTEMPT_STRIDE, 2)
    env = gym.make(TASK)
    first, _ = env.reset(seed=2_000_005)
    env.close()
    assert np.array_equal(made.arrays["agent_pos"][0], first["agent_pos"])


def test_other_demonstrations_are_not_mixed_in(tmp_path: Path) -> None:
    generate(load_task(TASK), tmp_path / "x.zarr", 1, 1)
    with pytest.raises(DataError, match="holds other demonstrations"):
        generate(load_task("dpbench/AvoidImage-v0"), tmp_path / "x.zarr", 2, 1)


def test_an_episode_is_what_the_demonstrator_did() -> None:
    arrays = demonstrate(TASK, 3).arrays
    assert {name: values.shape[1:] for name, values in arrays.items()} == {
        "agent_pos": (2,),
        "target": (2,),
        "action": (2,),
    }
    np.testing.assert_allclose(arrays["target"][1:], arrays["action"][:-1])
    assert len(demonstrate("dpbench/AvoidImage-v0", 0).arrays["pixels.top"][0]) == 96


def test_the_command_generates_and_training_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data-dir", str(tmp_path)]
    command = ["train", "mlp-bc", "--task", TASK, "--set", "n_steps=2", "--set", "batch_size=4", "--rollouts", "0"]
    assert main([*command, *data, "--out", str(tmp_path / "run")]) == 2
    assert "dpbench demos generate dpbench/Avoid-v0" in capsys.readouterr().err
    assert main(["demos", "generate", TASK, "--episodes", "4", "--workers", "1", *data]) == 0
    assert EpisodeStore.open(tmp_path / "Avoid-v0.zarr").n_episodes == 4
    assert main([*command, *data, "--out", str(tmp_path / "run")]) == 0


def test_a_task_without_a_demonstrator_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no scripted demonstrator"):
        generate(load_task("dpbench/PushTImage-v0"), tmp_path / "x.zarr", 1, 1)


def plain_episode(task_id: str, acting_id: str, number: int) -> dict[str, list[NDArray[Any]]]:
    """The demonstrator in one environment, its actions in another, written out without runner, buffer and loop."""
    task, acting = load_task(task_id), load_task(acting_id)
    policy = scripted_demonstrator(task).policy(acting)
    policy.reset()
    noise = NoiseStreams.from_seeds(0, [number])
    env, other_view = gym.make(acting_id), gym.make(task_id)
    history = [dict(flatten(env.reset(seed=number)[0]))] * policy.horizon.n_obs_steps
    stored, success, chunk = dict(flatten(other_view.reset(seed=number)[0])), False, []
    rows: dict[str, list[NDArray[Any]]] = {array: [] for array in task.store_arrays.values()}
    while not success:
        if not chunk:
            newest = history[-policy.horizon.n_obs_steps :]
            chunk = list(policy.act({key: np.stack([o[key] for o in newest])[None] for key in newest[0]}, noise)[0])
        action = chunk.pop(0)
        for key, array in task.store_arrays.items():
            rows[array].append(action if key == "action" else stored[key])
        history.append(dict(flatten(env.step(action)[0])))
        observation, _, terminated, truncated, info = other_view.step(action)
        stored, success = dict(flatten(observation)), info["is_success"]
        assert success or not (terminated or truncated)
    env.close()
    other_view.close()
    return rows


@pytest.mark.parametrize(
    ("name", "acting"),
    [
        ("Avoid-v0", "Avoid-v0"),
        ("AvoidImage-v0", "AvoidImage-v0"),
        ("BlockPush-v0", "BlockPush-v0"),
        ("BlockPushImage-v0", "BlockPush-v0"),
    ],
)
def test_a_demonstration_equals_one_that_a_plain_loop_makes(name: str, acting: str) -> None:
    made = demonstrate(f"dpbench/{name}", 1).arrays
    plain = plain_episode(f"dpbench/{name}", f"dpbench/{acting}", 1)
    assert made.keys() == plain.keys()
    for array, values in made.items():
        assert np.array_equal(values, np.stack(plain[array])), array


@pytest.mark.parametrize(("n_episodes", "n_workers"), [(0, 1), (-1, 1), (1.5, 1), (1, 0), (1, -1), (1, 1.5)])
def test_numbers_that_cannot_be_are_refused_before_a_folder_is_made(
    n_episodes: int, n_workers: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"= .*: expected a whole number from 1"):
        generate(load_task("Avoid"), tmp_path / "new/store.zarr", n_episodes, n_workers)
    assert not list(tmp_path.iterdir())
