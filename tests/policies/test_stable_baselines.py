"""Model files of Stable-Baselines3 act through the same door, and nothing pickled in them is run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation, RescaleAction
from stable_baselines3 import PPO, SAC

import dpbench  # noqa: F401  # registers the environments
from dpbench.cli import main
from dpbench.errors import CheckpointError, ConfigError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy
from dpbench.policies.sources.stable_baselines_spaces import boxes_of, difference, told_spaces
from dpbench.registry import registry
from dpbench.spaces import action_space, observation_space
from dpbench.tasks import load_task

TASK = "dpbench/PushT-v0"


def saved(folder: Path, flat: bool) -> tuple[Any, Path]:
    env: Any = gym.make(TASK)
    if flat:
        model: Any = SAC("MlpPolicy", FlattenObservation(env), buffer_size=10, policy_kwargs={"net_arch": [8]}, seed=0)
    else:
        model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, policy_kwargs={"net_arch": [8]}, device="cpu")
    model.save(folder / "model.zip")
    return model, folder / "model.zip"


@pytest.mark.parametrize("flat", [False, True])
def test_it_acts_as_the_model_does(tmp_path: Path, flat: bool) -> None:
    model, path = saved(tmp_path, flat)
    policy = open_policy(f"sb3:{path}", TASK)
    space: Any = gym.make(TASK).observation_space
    space.seed(0)
    observation = space.sample()
    wanted, _ = model.predict(gym.spaces.flatten(space, observation) if flat else observation, deterministic=True)
    rows = {key: value[None, None] for key, value in observation.items()}
    acted = policy.act(rows, NoiseStreams.from_seeds(0, [0]))
    assert acted.shape == (1, 1, 2)
    np.testing.assert_allclose(acted[0, 0], wanted, rtol=1e-5)


def test_the_command_evaluates_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, path = saved(tmp_path, flat=False)
    assert main(["evaluate", f"sb3:{path}", "--task", TASK, "--episodes", "1", "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cell"]["policy"]["baseline"] == "sb3:model.zip"


def test_pickled_arguments_are_refused_and_bad_files_named(tmp_path: Path) -> None:
    _, path = saved(tmp_path, flat=False)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(parts["data"])
    data["policy_kwargs"] = {":type:": "<class 'dict'>", ":serialized:": "gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU"}
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        for name, content in {**parts, "data": json.dumps(data).encode()}.items():
            archive.writestr(name, content)
    with pytest.raises(CheckpointError, match="pickled, which is never loaded"):
        open_policy(f"sb3:{evil}", TASK)
    (tmp_path / "no.zip").write_bytes(b"PK")
    for source, message in (("no.zip", "is not a model file"), ("nowhere.zip", "cannot be read")):
        with pytest.raises(CheckpointError, match=message):
            open_policy(f"sb3:{tmp_path / source}", TASK)
    with pytest.raises(CheckpointError, match="does not fit dpbench/PushTKeypoints-v0"):
        open_policy(f"sb3:{path}", "dpbench/PushTKeypoints-v0")
    with pytest.raises(ConfigError, match="name one with --task"):
        open_policy(f"sb3:{path}")


def trained_in(env: Any, folder: Path) -> str:
    """A model file of an environment."""
    policy = "MlpPolicy" if isinstance(env.observation_space, gym.spaces.Box) else "MultiInputPolicy"
    model: Any = PPO(policy, env, n_steps=8, batch_size=8, policy_kwargs={"net_arch": [8]}, device="cpu")
    model.save(folder / "model.zip")
    return f"sb3:{folder / 'model.zip'}"


@pytest.mark.filterwarnings("ignore:.*precision lowered by casting")
@pytest.mark.parametrize(
    ("env", "task", "message"),
    [
        (
            lambda: RescaleAction(gym.make("dpbench/BlockPush-v0"), -1.0, 1.0),
            "dpbench/BlockPush-v0",
            r"its actions are float32 \(2,\) from -1 to 1, those of the task .* from -0\.1 to 0\.1; .* RescaleAction",
        ),
        (
            lambda: gym.make("dpbench/BlockPushAbs-v0"),
            "dpbench/BlockPush-v0",
            r"its actions are .* from \[0\.15, -0\.5\] to \[0\.7, 0\.5\], those of the task",
        ),
        (
            lambda: FlattenObservation(gym.make("dpbench/BlockPushAbs-v0")),
            "dpbench/BlockPush-v0",
            "its actions are .* those of the task",
        ),
        (
            lambda: FlattenObservation(gym.make("dpbench/BlockPush-v0")),
            "dpbench/Avoid-v0",
            r"its observations are float32 \(16,\) .* those of the task float32 \(4,\)",
        ),
        (
            lambda: gym.make("dpbench/PushT-v0"),
            "dpbench/BlockPush-v0",
            r"its observations agent_pos are float32 \(2,\) from -1024 to 1536, those of the task",
        ),
        (lambda: gym.make("CartPole-v1"), "dpbench/PushT-v0", "is not a model file .* a space of .*Discrete"),
    ],
)
def test_a_model_of_other_spaces_is_refused_with_both(env: Any, task: str, message: str, tmp_path: Path) -> None:
    reference = trained_in(env(), tmp_path)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_policy(reference, task)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("task", ["dpbench/PushT-v0", "dpbench/PushTKeypoints-v0", "dpbench/RealArmVelocity-v0"])
@pytest.mark.parametrize("flat", [False, True])
def test_a_model_of_the_same_spaces_is_taken(task: str, flat: bool, tmp_path: Path) -> None:
    env: Any = gym.make(task)
    open_policy(trained_in(FlattenObservation(env) if flat else env, tmp_path), task)
    env.close()


@pytest.mark.parametrize("name", [name for name in registry("task").names() if "Image" not in name])
def test_the_text_of_every_task_is_read_back(name: str) -> None:
    task = load_task(name)
    for space in (observation_space(task.observations), action_space(task.action)):
        spaces = space.spaces if isinstance(space, gym.spaces.Dict) else {}
        described = {
            ":type:": str(type(space)),
            "spaces": str(spaces),
            "_shape": space.shape,
            "dtype": str(space.dtype),
        }
        for bound in ("low", "high"):
            described[bound] = str(getattr(space, bound, None))
        assert difference("space", told_spaces(described), boxes_of(space)) == ""
