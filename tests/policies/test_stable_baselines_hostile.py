"""Model files of Stable-Baselines3 that are damaged or made to harm."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

import dpbench  # noqa: F401  # registers the environments
from dpbench.errors import CheckpointError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy
from dpbench.spaces import observation_space
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Name -> content of the two parts that are read."""
    path = tmp_path_factory.mktemp("sb3") / "model.zip"
    env: Any = gym.make(TASK.id)
    PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, policy_kwargs={"net_arch": [8]}, device="cpu").save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in ("data", "policy.pth")}


def packed(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def take(path: Path) -> None:
    policy = open_policy(f"sb3:{path}", TASK.id)
    space: Any = observation_space(TASK.observations)
    space.seed(0)
    rows = {key: value[None, None] for key, value in space.sample().items()}
    acted = policy.act(rows, NoiseStreams.from_seeds(0, [0]))
    assert acted.shape == (1, 1, TASK.action.dim)
    assert np.isfinite(acted).all()


def with_weights(parts: dict[str, bytes], change: Any) -> bytes:
    weights = torch.load(io.BytesIO(parts["policy.pth"]), weights_only=True)
    change(weights)
    torch.save(weights, buffer := io.BytesIO())
    return packed({**parts, "policy.pth": buffer.getvalue()})


def test_hostile_models_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any, parts: dict[str, bytes]) -> None:
    path, good = tmp_path / "model.zip", packed(parts)
    told = json.loads(parts["data"])
    read = {key: told[key] for key in ("policy_class", "policy_kwargs", "observation_space", "action_space")}
    for number in range(1000):
        if number % 3 == 0:
            path.write_bytes(packed({**parts, "data": attack.json_anywhere(read)}))
        elif number % 3 == 1:
            path.write_bytes(packed({**parts, "policy.pth": attack.bytes_of(parts["policy.pth"])}))
        else:
            path.write_bytes(attack.bytes_of(good))
        attack.outcome(path, lambda: take(path))
    path.write_bytes(good)
    take(path)
    attack.report("models of Stable-Baselines3")


FIRST = "mlp_extractor.policy_net.0.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights[FIRST].fill_(float("nan")), "holds NaN"),
        (lambda weights: weights.update({FIRST: torch.zeros(1).expand(10**6, 10**6)}), "more than is stored"),
        (lambda weights: weights.update({FIRST: torch.zeros(8, 5).int()}), "is no tensor of numbers"),
        (lambda weights: weights.update({FIRST: torch.zeros(9, 5)}), "does not fit"),
        (lambda weights: weights.pop(FIRST), "does not fit"),
    ],
)
def test_wrong_weights_are_named(tmp_path: Path, parts: dict[str, bytes], change: Any, message: str) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(with_weights(parts, change))
    with pytest.raises(CheckpointError, match=message) as caught:
        take(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("policy_kwargs", {"net_arch": [10**9]}, "larger layers"),
        ("policy_kwargs", {"net_arch": [1] * 5000}, "larger layers"),
        ("policy_kwargs", {"net_arch": [9]}, "does not fit"),
        ("policy_class", {"__module__": "stable_baselines3.nope", "__init__": "<function X.__init__"}, "No module"),
        ("policy_class", {"__module__": "os", "__init__": "<function X.__init__"}, "of os, is not one of"),
    ],
)
def test_wrong_fields_are_named(
    tmp_path: Path, parts: dict[str, bytes], field: str, value: object, message: str
) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(packed({**parts, "data": json.dumps(json.loads(parts["data"]) | {field: value}).encode()}))
    with pytest.raises(CheckpointError, match=message):
        take(path)


def test_a_bomb_is_refused_before_memory_is_taken(tmp_path: Path, parts: dict[str, bytes]) -> None:
    import tracemalloc

    path = tmp_path / "model.zip"
    path.write_bytes(packed({**parts, "data": bytes(100_000_000)}))
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="data declares 100,000,000 bytes"):
        take(path)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("names", "message"), [(["a"], "declare 3,000,000,000 bytes"), (["a", "a"], "two parts of one")]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_weights_that_would_inflate_are_refused(
    tmp_path: Path, parts: dict[str, bytes], names: list[str], message: str
) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"x" * 1_000)
        if len(names) == 1:
            archive.filelist[0].file_size = 3_000_000_000  # in the directory, which is what declares it
    path = tmp_path / "model.zip"
    path.write_bytes(packed({**parts, "policy.pth": inner.getvalue()}))
    with pytest.raises(CheckpointError, match=message):
        take(path)
