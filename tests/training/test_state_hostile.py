"""The files of a training run, damaged or made to harm: a run resumes from them, or one line says what is wrong."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from dpbench.errors import CheckpointError, ConfigError
from dpbench.training.loggers import COLUMNS, CsvLogger
from dpbench.training.run import _claim_folder
from dpbench.training.training_state import STATE_JSON, capture, read_state, restore, write_state

FILE = "state-3.safetensors"


def network() -> tuple[nn.Module, dict[str, Tensor], torch.optim.Optimizer]:
    module = nn.Linear(3, 2)
    return (
        module,
        {name: value.clone() for name, value in module.state_dict().items()},
        torch.optim.AdamW(module.parameters()),
    )


def write(folder: Path) -> Path:
    torch.manual_seed(0)
    module, average, optimiser = network()
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    folder.mkdir()
    write_state(folder, capture(3, module, average, optimiser))
    return folder


def take(folder: Path) -> None:
    """Resume; what is resumed from is whole and can be trained on."""
    state = read_state(folder)
    assert state is not None
    module, average, optimiser = network()
    restore(state, module, average, optimiser, folder, n_steps=1000)
    assert all(value.isfinite().all() for value in (*module.state_dict().values(), *average.values()))


def with_tensors(folder: Path, content: bytes) -> None:
    """Other tensors with the right hash."""
    (folder / FILE).write_bytes(content)
    path = folder / STATE_JSON
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}))


def test_hostile_states_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    folder = write(tmp_path / "attack")
    pointer, tensors = (folder / STATE_JSON).read_bytes(), (folder / FILE).read_bytes()
    end = 8 + struct.unpack("<Q", tensors[:8])[0]
    for number in range(1100):
        if number < 400:
            content = attack.bytes_of(pointer) if number % 2 else attack.json_anywhere(json.loads(pointer))
            (folder / STATE_JSON).write_bytes(content)
        elif number % 2:
            header = attack.json_anywhere(json.loads(tensors[8:end]))
            with_tensors(folder, struct.pack("<Q", len(header)) + header + tensors[end:])
        else:
            with_tensors(folder, attack.bytes_of(tensors))
        attack.outcome(folder, lambda: take(folder))
        if number == 399:
            (folder / STATE_JSON).write_bytes(pointer)
    with_tensors(folder, tensors)
    take(folder)
    attack.report("states of training")
    other = write(tmp_path / "other")
    for name in (STATE_JSON, FILE):
        attack.special_files(folder / name, lambda: take(folder), other / name)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("exp_avg_sq.weight", torch.full((2, 3), -1.0), "exp_avg_sq.weight holds negative squares"),
        ("exp_avg.weight", torch.zeros(3, 3), "its exp_avg is that of another network"),
        ("average.bias", torch.zeros(5), "its average is that of another network"),
        ("weights.bias", torch.zeros(5), "its weights are those of another network"),
        ("weights.bias", torch.full((2,), float("nan")), "weights.bias holds NaN"),
        ("other.bias", torch.zeros(2), "holds 'other.bias', expected weights"),
    ],
)
def test_tensors_of_another_network_are_named(tmp_path: Path, name: str, value: Tensor, message: str) -> None:
    folder = write(tmp_path / "a")
    with_tensors(folder, save({**load_file(folder / FILE), name: value}))
    with pytest.raises(CheckpointError, match=message) as caught:
        take(folder)
    assert str(caught.value).isprintable()


def test_hostile_run_files_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    identity = {"baseline": "mlp-bc", "config": {"width": 16, "betas": [0.9, 0.99]}, "seed": 0, "store": "a"}
    path = tmp_path / "attack" / "run.json"
    path.parent.mkdir()

    def claim() -> None:
        _claim_folder(path.parent, identity)
        found = {key: value for key, value in json.loads(path.read_text()).items() if value is not None}
        assert found == identity, "only a folder of the same run is taken"

    for number in range(1100):
        good = json.dumps(identity).encode()
        content = attack.bytes_of(good) if number % 5 == 0 else attack.json_anywhere(identity)
        path.write_bytes(good if number % 20 == 0 else content)
        attack.outcome(path.parent, claim)
    attack.report("run.json")
    path.write_text(json.dumps(identity))
    (tmp_path / "other").write_text(json.dumps(identity))
    attack.special_files(path, claim, tmp_path / "other")


def test_hostile_logs_keep_their_whole_rows_of_numbers(
    tmp_path: Path, attack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dpbench.files.writing.os.fsync", lambda _: None)  # it takes most of the time
    path = tmp_path / "log.csv"
    good = "\n".join([",".join(COLUMNS), *(f"{step},0.5,1e-4,100,,," for step in range(10))]) + "\n"
    for number in range(1100):
        junk = attack.rng.choice(('"', '"' * 200_000, "=1+1", "\0", "\x1b[31m", "a,b", ",", "\r", "nan", "é"))
        at = attack.rng.randrange(len(good))
        text = good[:at] + junk + good[at:]
        path.write_bytes(attack.bytes_of(good.encode()) if number % 2 else text.encode())
        CsvLogger(path, first_step=5).log(6, {"loss": 0.25})
        rows = [line.split(",") for line in path.read_text().splitlines()]
        assert rows[0] == list(COLUMNS)
        assert rows[-1][:2] == ["6", "0.25"]
        for row in rows[1:-1]:
            assert len(row) == len(COLUMNS)
            assert float(row[0]) <= 5
            assert all(float(value) or True for value in row if value)
        attack.counts["taken"] += 1
    print(f"logs: {attack.counts.total()} inputs, {dict(attack.counts)}")
    assert attack.counts["taken"] == 1100
    (tmp_path / "other").write_text(good)
    path.unlink()
    path.mkdir()
    assert attack.outcome(path, lambda: CsvLogger(path, 5)) == "refused"


def test_another_run_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"store": "\x1b[31m\n"}))
    with pytest.raises(ConfigError, match=r"holds another run .*'\\x1b\[31m\\n' there") as caught:
        _claim_folder(tmp_path, {"store": "a"})
    assert str(caught.value).isprintable()
