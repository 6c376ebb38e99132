"""Checkpoints are whole or not there, and never execute anything."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dpbench.errors import CheckpointError, ConfigError, DataError, UnknownNameError
from dpbench.files import writing
from dpbench.policies import checkpoint
from dpbench.policies.checkpoint import load_checkpoint, save_checkpoint
from dpbench.policies.checkpoint_description import CHECKPOINT_JSON
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.opening import open_policy

from .small_checkpoint import normaliser, observations, write


def test_round_trip_acts_in_the_tasks_units(tmp_path: Path) -> None:
    policy = open_policy(str(write(tmp_path)), "dpbench/PushT-v0")
    actions = policy.act(observations(3), NoiseStreams.from_seeds(0, range(3)))
    assert actions.shape == (3, 8, 2)
    assert abs(actions - 256).max() < 1000, "denormalised to px"


def test_an_episode_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    policy = open_policy(str(write(tmp_path)))
    whole = observations(23)
    together = policy.act(whole, NoiseStreams.from_seeds(0, range(23)))
    for row in (0, 9, 22):
        alone = policy.act({key: value[[row]] for key, value in whole.items()}, NoiseStreams.from_seeds(0, [row]))
        assert np.array_equal(alone[0], together[row])


def test_a_newer_save_replaces_the_older_one(tmp_path: Path) -> None:
    write(tmp_path, step=10)
    write(tmp_path, step=20)
    assert load_checkpoint(tmp_path).description["step"] == 20
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_weights_that_a_killed_training_left_go_with_the_next_save(tmp_path: Path) -> None:
    write(tmp_path, step=10)
    (tmp_path / "weights-20.safetensors").write_bytes(b"killed before the description was written")
    (tmp_path / "notes.safetensors").write_bytes(b"of a person")
    assert load_checkpoint(tmp_path).description["step"] == 10
    write(tmp_path, step=30)
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"weights-30.safetensors", "notes.safetensors"}


def test_a_checkpoint_that_a_training_saves_while_it_is_read_is_the_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, step=10)
    read = checkpoint.read_description

    def read_before_the_training_saves(folder: Path) -> dict[str, Any]:
        description = read(folder)
        if description["step"] == 10:
            with monkeypatch.context() as undone:
                undone.setattr(checkpoint, "read_description", read)
                write(tmp_path, step=20)
        return description

    monkeypatch.setattr(checkpoint, "read_description", read_before_the_training_saves)
    assert load_checkpoint(tmp_path).description["step"] == 20


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    whole = load_checkpoint(write(tmp_path / "whole"))
    save_checkpoint(tmp_path / "half", whole.description, whole.weights, whole.normalisers, dtype=torch.float16)
    half = load_checkpoint(tmp_path / "half")
    assert all((half.weights[name] - value).abs().max() < 1e-3 for name, value in whole.weights.items())
    assert half.weights["network.0.weight"].dtype == torch.float32


def test_a_full_disk_leaves_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, step=10)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"checkpoint not saved .*No space left"):
            write(tmp_path, step=20)
    assert load_checkpoint(tmp_path).description["step"] == 10
    assert not list(tmp_path.glob(".*.tmp"))


def test_another_tasks_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"trained for dpbench/PushT-v0, not for dpbench/PushTKeypoints-v0"):
        open_policy(str(write(tmp_path)), "dpbench/PushTKeypoints-v0")


def test_truncated_weights_are_named(tmp_path: Path) -> None:
    path = write(tmp_path) / "weights-10.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="corrupt or truncated, its SHA-256"):
        load_checkpoint(tmp_path)


def test_missing_pieces_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no checkpoint\.json"):
        open_policy(str(tmp_path))
    (write(tmp_path) / "weights-10.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"weights-10\.safetensors: cannot be read"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 99}', '{"format_version": 1, "task": "x"}'])
def test_a_broken_description_is_named(tmp_path: Path, text: str) -> None:
    (write(tmp_path) / CHECKPOINT_JSON).write_text(text)
    with pytest.raises(CheckpointError, match=r"checkpoint\.json"):
        load_checkpoint(tmp_path)


def test_weights_of_another_size_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path, config={"width": 32, "depth": 1})
    with pytest.raises(CheckpointError, match="do not fit mlp-bc"):
        open_policy(str(folder))


def test_unknown_configuration_fields_are_named(tmp_path: Path) -> None:
    description = json.loads((write(tmp_path) / CHECKPOINT_JSON).read_text())
    description["config"]["widht"] = 3
    (tmp_path / CHECKPOINT_JSON).write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match="has no field widht"):
        open_policy(str(tmp_path))


def test_names_that_are_no_checkpoint_are_explained() -> None:
    with pytest.raises(UnknownNameError, match="did you mean hold"):
        open_policy("hodl", "dpbench/PushT-v0")
    with pytest.raises(CheckpointError, match="train it first"):
        open_policy("mlp-bc", "dpbench/PushT-v0")
    with pytest.raises(ConfigError, match="name one with --task"):
        open_policy("hold")


def test_sampling_options_of_a_method_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mlp-bc has no sampling options"):
        open_policy(str(write(tmp_path)), options={"steps": "10"})


def test_observations_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    policy = open_policy(str(write(tmp_path)))
    broken = observations(2)
    broken["agent_pos"][0, 0, 0] = np.nan
    with pytest.raises(DataError, match="observation 'agent_pos' holds NaN"):
        policy.act(broken, NoiseStreams.from_seeds(0, range(2)))


@pytest.mark.parametrize(
    "name", ["../victim", "/etc/passwd", "a/b", "..", "", "a\\b", "c:x", None, 5, "checkpoint.json", "victim"]
)
def test_weights_are_a_file_beside_the_description(tmp_path: Path, name: object) -> None:
    folder = write(tmp_path / "run")
    victims = tmp_path / "victim", folder / "victim"
    for victim in victims:
        victim.write_text("stays")
    path = folder / CHECKPOINT_JSON
    path.write_text(json.dumps({**json.loads(path.read_text()), "weights": name}))
    with pytest.raises(CheckpointError, match="is not the name of a file beside it"):
        load_checkpoint(folder)
    write(folder, step=11)
    assert [victim.read_text() for victim in victims] == ["stays"] * 2, "the next save deletes no file of others"
    assert load_checkpoint(folder).description["step"] == 11


def test_a_normaliser_that_cannot_be_used_is_named_with_its_file(tmp_path: Path) -> None:
    broken = {**{key: normaliser(2) for key in ("agent_pos", "action")}, "environment_state": normaliser(3)}
    object.__setattr__(broken["action"], "scale", np.zeros(2, dtype=np.float32))
    description = json.loads((write(tmp_path / "whole") / CHECKPOINT_JSON).read_text())
    save_checkpoint(tmp_path / "broken", description, {}, broken)
    with pytest.raises(CheckpointError, match=r"weights-10.safetensors: its normalisers cannot be used .*zero"):
        load_checkpoint(tmp_path / "broken")
