"""Lists of a zoo that are damaged or made to harm; what is taken names folders inside the zoo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dpbench.errors import CheckpointError, DataError
from dpbench.training.zoo import MANIFEST, manifest, write_card

GOOD = {
    "PushT-v0/mlp-bc": {"baseline": "mlp-bc", "task": "dpbench/PushT-v0", "preset": "small", "seed": 42},
    "PushT-v0/bet-30k": {
        "baseline": "bet", "task": "dpbench/PushT-v0", "preset": "small", "seed": 43,
        "overrides": {"n_steps": 30000}, "bf16": True, "compile": True,
    },
}  # fmt: skip


def take(zoo: Path) -> None:
    for entry in manifest(zoo):
        assert (zoo / entry.name).resolve().parent.parent == zoo.resolve()
        assert type(entry.seed) is int
        assert entry.seed >= 0
        assert {type(entry.bf16), type(entry.compile)} == {bool}
        assert isinstance(entry.overrides, dict)


def test_hostile_lists_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    zoo, other = tmp_path / "zoo", tmp_path / MANIFEST
    zoo.mkdir()
    path = zoo / MANIFEST
    for number in range(1100):
        content = attack.json_anywhere(GOOD)
        path.write_bytes(attack.bytes_of(json.dumps(GOOD).encode()) if number % 5 == 0 else content)
        attack.outcome(path, lambda: take(zoo))
    attack.report("lists of a zoo")
    other.write_text("{}")
    attack.special_files(path, lambda: take(zoo), other)


@pytest.mark.parametrize("name", ["../x/y", "/etc/x", "a/..", "a", "a/b/c", "", "a/", "a\\b/c", "a\0/b", "./b"])
def test_a_name_that_is_no_folder_of_the_zoo_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({name: GOOD["PushT-v0/mlp-bc"]}))
    with pytest.raises(DataError, match=r"zoo\.json: .* is no folder of the zoo, expected TASK/CHECKPOINT"):
        manifest(tmp_path)


def test_a_card_needs_what_training_writes(tmp_path: Path) -> None:
    described = {
        "format_version": 1, "baseline": "mlp-bc", "preset": "small", "task": "dpbench/PushT-v0", "config": {},
        "seed": 0, "step": 1, "weights": "weights-1.safetensors", "weights_sha256": "0" * 64,
    }  # fmt: skip
    (tmp_path / "checkpoint.json").write_text(json.dumps(described))
    with pytest.raises(CheckpointError, match="lacks n_parameters, training, precision"):
        write_card(tmp_path)
