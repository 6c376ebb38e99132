"""Checkpoints that are damaged or made to harm: whatever is in them, one line says it, and what is taken is right."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from dpbench.errors import CheckpointError
from dpbench.policies.checkpoint import load_checkpoint
from dpbench.policies.checkpoint_description import CHECKPOINT_JSON
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import describe_policy, open_policy

from ..attack import Attack
from .small_checkpoint import observations, write

WEIGHTS = "weights-10.safetensors"
OBSERVED = observations(1)


def take(folder: Path) -> None:
    """All that an evaluation does with a checkpoint; what is taken is what it says."""
    described = describe_policy(str(folder))
    policy = open_policy(described)
    actions = policy.act(OBSERVED, NoiseStreams.from_seeds(0, [0]))
    assert actions.shape == (1, described.horizon.n_action_steps, 2)
    assert np.isfinite(actions).all()
    identity = described.identity
    assert min(identity["seed"], identity["step"], identity["n_parameters"]) >= 0
    assert len(identity["checkpoint_sha256"]) == 64
    json.dumps(identity, allow_nan=False)


def with_weights(folder: Path, content: bytes) -> None:
    """Other weights with the right hash: whoever makes a hostile file can compute it."""
    (folder / WEIGHTS).write_bytes(content)
    path = folder / CHECKPOINT_JSON
    described = json.loads(path.read_text()) | {"weights_sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(described))


def test_hostile_descriptions_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    folder = write(tmp_path / "attack", training={"n_steps": 5, "ema_power": None}, versions={"torch": "2"})
    path = folder / CHECKPOINT_JSON
    good = path.read_bytes()
    victim = tmp_path / "victim"
    victim.write_text("stays")
    for number in range(1100):
        path.write_bytes(attack.bytes_of(good) if number % 5 == 0 else attack.json_anywhere(json.loads(good)))
        attack.outcome(folder, lambda: take(folder))
    attack.report("descriptions of checkpoints")
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["attack", CHECKPOINT_JSON, "victim", WEIGHTS]


def test_hostile_weights_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    folder = write(tmp_path / "attack")
    good = (folder / WEIGHTS).read_bytes()
    end = 8 + struct.unpack("<Q", good[:8])[0]
    for number in range(1100):
        if number % 3 == 0:
            header = attack.json_anywhere(json.loads(good[8:end]))
            content = struct.pack("<Q", len(header)) + header + good[end:]
        else:
            content = attack.bytes_of(good[:end]) + good[end:] if number % 3 == 1 else attack.bytes_of(good)
        with_weights(folder, content)
        attack.outcome(folder, lambda: take(folder))
    with_weights(folder, good)
    take(folder)
    attack.report("weights of checkpoints")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("hypothesis"))


@given(data=st.data())
@settings(derandomize=True, max_examples=300, deadline=None, database=None)
def test_any_json_in_any_field_is_taken_or_refused_in_one_line(described: Path, data: st.DataObject) -> None:
    path = described / CHECKPOINT_JSON
    good = path.read_bytes()
    content = json.loads(good)
    inner = data.draw(st.sampled_from([content, content["config"]]))
    inner[data.draw(st.sampled_from(sorted(inner)) | st.text())] = data.draw(JSON)
    path.write_text(json.dumps(content))
    try:
        Attack(random.Random(0)).outcome(described, lambda: take(described))
    finally:
        path.write_bytes(good)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, attack: Any) -> None:
    folder, other = write(tmp_path / "attack"), write(tmp_path / "other")
    for name in (CHECKPOINT_JSON, WEIGHTS):
        attack.special_files(folder / name, lambda: take(folder), other / name)
    take(folder)
    assert attack.counts == {"refused": 14}


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    (folder / WEIGHTS).rename(folder / "blob")
    (folder / WEIGHTS).symlink_to("blob")
    take(folder)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "attack")
    for name in (WEIGHTS, CHECKPOINT_JSON):
        with (folder / name).open("r+b") as file:
            file.truncate(2**40)
        with pytest.raises(CheckpointError, match=r"has 1,099,511,627,776 bytes, expected at most"):
            load_checkpoint(folder)


def changed(name: str, value: Any) -> Any:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = value(tensors[name]) if callable(value) else value

    return change


FIRST = "weights.network.0.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(FIRST, lambda found: found * float("nan")), f"{FIRST} holds NaN or infinite"),
        (changed(FIRST, lambda found: found / 0), f"{FIRST} holds NaN or infinite"),
        (changed(FIRST, lambda found: found.double()), f"{FIRST} holds torch.float64, expected float32 or half"),
        (changed(FIRST, lambda found: found.int()), "holds torch.int32"),
        (changed(FIRST, lambda found: found.to(torch.complex64)), "holds torch.complex64"),
        (changed(FIRST, lambda found: found[:1]), r"network.0.weight have shape \(1, 10\), expected \(16, 10\)"),
        (lambda tensors: tensors.pop(FIRST), r"network.0.weight are missing, expected \(16, 10\)"),
        (changed("weights.other", torch.zeros(1)), "do not fit mlp-bc .*other"),
        (changed("optimiser.x", torch.zeros(1)), "holds 'optimiser.x', expected weights.NAME"),
        (changed("normaliser.action.scale", torch.tensor([0.0, 1])), "scale above zero"),
        (changed("normaliser.action.scale", torch.tensor([-1.0, 1])), "scale above zero"),
        (changed("normaliser.action.scale", torch.tensor([float("inf"), 1])), "NaN or infinite"),
        (changed("normaliser.action.scale", torch.ones(1)), r"shapes \(\(1,\), \(2,\)\)"),
        (changed("normaliser.action.scale", torch.ones(2).double()), "action.scale holds torch.float64"),
        (changed("normaliser.action.scale", torch.full((2,), 1e-9)), "far outside the bounds"),
        (changed("normaliser.action.offset", torch.full((2,), 1e9)), "far outside the bounds"),
        (lambda tensors: tensors.pop("normaliser.action.offset"), "action.offset is missing"),
        (changed("normaliser.action.middle", torch.zeros(2)), "action.middle is no part"),
        (lambda tensors: [tensors.pop(f"normaliser.agent_pos.{one}") for one in ("scale", "offset")], "no normaliser"),
    ],
)
def test_wrong_content_is_named(tmp_path: Path, change: Any, message: str) -> None:
    folder = write(tmp_path / "a")
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    with_weights(folder, save(tensors))
    with pytest.raises(CheckpointError, match=message) as caught:
        take(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("n_parameters", 7, "n_parameters = 7, but the network has"),
        ("step", -1, "step = -1: expected greater than or equal to 0"),
        ("seed", 1.0, "seed = 1.0: expected a valid integer"),
        ("task", "dpbench/PushTKeypoints-v0", "do not fit|normaliser"),
        ("task", "../x", r"unknown task '\.\./x'"),
        ("baseline", "hold", "is a ScriptedPolicy"),
        ("baseline", "x\x1b[31m", r"x\\x1b\[31m"),
        ("config", {"width": 16, "depth": 1, "n_action_steps": 99}, "reaches beyond horizon"),
        ("config", {"width": 10**9, "depth": 1}, "checkpoint.json"),
        ("config", {"width": 16, "depth": 10**9}, "checkpoint.json"),
        ("format_version", 2, "has format_version 2, this dpbench reads 1; update dpbench"),
        ("format_version", 0, "format_version = 0: expected 1; copy or train it again"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, field: str, value: object, message: str) -> None:
    folder = write(tmp_path / "a")
    path = folder / CHECKPOINT_JSON
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(CheckpointError, match=message) as caught:
        take(folder)
    assert str(caught.value).isprintable()
