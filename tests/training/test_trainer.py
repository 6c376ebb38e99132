"""The training loop: resumable, seeded, crash-safe."""

from __future__ import annotations

import csv
import errno
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dpbench.data.normalise import Normaliser
from dpbench.errors import CheckpointError, ConfigError, MissingExtraError
from dpbench.files import writing
from dpbench.policies.baseline import TrainingConfig
from dpbench.policies.method import Batch
from dpbench.policies.noise import NoiseStreams
from dpbench.training.batches import TrainingData, batches
from dpbench.training.loggers import CsvLogger, TensorBoardLogger
from dpbench.training.losses import DivergedError
from dpbench.training.schedules import cosine_with_warmup, ema_decay
from dpbench.training.trainer import Execution, parameter_groups, train
from dpbench.training.training_state import read_state

CONFIG = TrainingConfig(n_steps=30, batch_size=8, learning_rate=1e-2, warmup_steps=5)


class Noisy(nn.Module):
    """Uses the generator and dropout, so that both are seen to be restored."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.Linear(16, 2))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        noise = torch.randn(batch.actions.shape, generator=generator)
        predicted = self.network(batch.observations["agent_pos"].flatten(1))
        return ((predicted[:, None] - batch.actions + 0.1 * noise) ** 2).mean()

    def sample(self, observations: Mapping[str, Tensor], noise: NoiseStreams) -> Tensor:
        raise NotImplementedError


def data() -> TrainingData:
    generator = torch.Generator().manual_seed(0)
    vectors = {
        "agent_pos": torch.randn(100, 2, generator=generator),
        "action": torch.randn(100, 2, generator=generator),
    }
    windows = np.arange(40)[:, None] + np.arange(4)
    one = Normaliser(np.ones(2, dtype=np.float32), np.zeros(2, dtype=np.float32))
    store: Any = None
    normalisers = {"agent_pos": one, "action": one}
    return TrainingData(
        vectors, {}, store, windows, windows[:9], normalisers, n_obs_steps=2, device=torch.device("cpu")
    )


class FitNoisy(Noisy):
    """Looks at the data first: a resumed run must not look again."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n_looks", torch.zeros(()))
        self.frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)

    def fit(self, data: Any, generator: torch.Generator) -> None:  # noqa: ARG002
        self.n_looks += 1
        assert data.actions.shape == (40, 4, 2)
        assert sum(len(batch.actions) for batch in data.in_batches(16)) == 40


def run(
    folder: Path, seed: int = 0, config: TrainingConfig = CONFIG, method: type[Any] = Noisy, **execution: Any
) -> Mapping[str, Tensor]:
    torch.manual_seed(seed)
    settings = Execution(**{"save_every": 7, "log_every": 5, "report_every": 10, **execution})
    state = read_state(folder)
    logger = CsvLogger(folder / "log.csv", state.step if state else 0)
    return train(method(), data(), config, settings, seed, folder, [logger], lambda *_: {}).weights


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    for stop_after in (3, 7, 16, 25, None):
        pieces = run(tmp_path / "pieces", stop_after=stop_after)
    for name, value in whole.items():
        assert torch.equal(value, pieces[name]), name


def test_seed_decides_the_result(tmp_path: Path) -> None:
    first, again, other = (run(tmp_path / str(i), seed) for i, seed in enumerate((0, 0, 1)))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["network.0.weight"], other["network.0.weight"])


def test_log_has_one_row_a_step_also_after_interruption(tmp_path: Path) -> None:
    for stop_after in (12, 21, None):
        run(tmp_path, stop_after=stop_after)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    assert steps[-1] == 30
    assert rows[-1]["val_loss"] != ""


def test_a_full_disk_is_one_error_and_the_older_state_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, stop_after=7)

    calls: list[object] = []

    def full(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > 1:  # the first is the log's
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"step 14 not saved .*No space left.*resumes from the last"):
            run(tmp_path)
    state = read_state(tmp_path)
    assert state is not None
    assert state.step == 7
    assert not list(tmp_path.glob(".*.tmp"))
    whole = run(tmp_path / "whole")
    assert all(torch.equal(value, whole[name]) for name, value in run(tmp_path).items())


def test_a_corrupt_state_is_named(tmp_path: Path) -> None:
    run(tmp_path, stop_after=7)
    (tmp_path / "state-7.safetensors").write_bytes(b"half a fi")
    with pytest.raises(CheckpointError, match=r"state-7\.safetensors: is corrupt"):
        run(tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="Lower the learning rate"):
        run(tmp_path, config=TrainingConfig(n_steps=30, batch_size=8, learning_rate=1e30, warmup_steps=0))


@pytest.mark.parametrize(
    ("every", "reports", "saves"),
    [
        ({"report_every": 75, "log_every": 50, "save_every": 500}, [75, 150, 225, 300], [300]),
        ({"report_every": 7, "log_every": 1000, "save_every": 110}, [*range(7, 300, 7), 300], [110, 220, 300]),
        ({"report_every": 0, "log_every": 50, "save_every": 299}, [], [299, 300]),
    ],
)
def test_every_interval_counts_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: dict[str, int], reports: list[int], saves: list[int]
) -> None:
    reported: list[int] = []
    saved: list[int] = []
    monkeypatch.setattr("dpbench.training.trainer.write_state", lambda _, state: saved.append(state.step))
    config = TrainingConfig(n_steps=300, batch_size=8)

    def report(step: int, _: Mapping[str, Tensor]) -> dict[str, float]:
        reported.append(step)
        return {}

    torch.manual_seed(0)
    logger = CsvLogger(tmp_path / "log.csv", 0)
    train(Noisy(), data(), config, Execution(**every), 0, tmp_path, [logger], report)
    with (tmp_path / "log.csv").open() as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    assert reported == reports
    assert saved == saves
    assert sorted(rows) == sorted({*range(every["log_every"], 301, every["log_every"]), 300, *reports})
    assert [step for step, row in rows.items() if row["val_loss"]] == reports


@pytest.mark.parametrize(
    ("field", "value"),
    [("save_every", 0), ("log_every", 0), ("report_every", -1), ("save_every", 1.5), ("bf16", "yes")],
)
def test_an_execution_that_cannot_work_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{field} = {value!r}: expected "):
        Execution(**{field: value})


def test_a_row_of_the_log_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    CsvLogger(path, 0).log(100, {"loss": 0.5})
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + "12", encoding="utf-8")  # of step 1250
    CsvLogger(path, 1000)
    assert path.read_text(encoding="utf-8") == whole


def test_loss_falls(tmp_path: Path) -> None:
    run(tmp_path, config=TrainingConfig(n_steps=300, batch_size=8, learning_rate=1e-2, warmup_steps=5))
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:2])


def test_batches_are_a_function_of_seed_and_step() -> None:
    stream = batches(25, 8, seed=3, first_step=0)
    whole = [next(stream) for _ in range(9)]
    assert all(len(batch) == 8 for batch in whole)
    assert len(np.unique(np.concatenate(whole[:3]))) == 24, "an epoch draws without replacement"
    later = batches(25, 8, seed=3, first_step=5)
    assert all(np.array_equal(next(later), batch) for batch in whole[5:])
    assert not np.array_equal(next(batches(25, 8, seed=4, first_step=0)), whole[0])


def test_schedules_have_their_published_values() -> None:
    assert [cosine_with_warmup(step, 500, 1000) for step in (0, 250, 500, 750, 1000)] == pytest.approx(
        [0, 0.5, 1, 0.5, 0]
    )
    assert ema_decay(0, 0.75) == 0
    assert ema_decay(9_999, 0.75) == pytest.approx(0.999)
    assert ema_decay(10**9, 0.75) == 0.9999


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dpbench\[tensorboard\]'"):
        TensorBoardLogger(tmp_path, 0)


def test_a_method_looks_at_the_data_once_and_frozen_parameters_stay(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", method=FitNoisy)
    run(tmp_path / "pieces", method=FitNoisy, stop_after=13)
    pieces = run(tmp_path / "pieces", method=FitNoisy)
    assert whole["n_looks"] == pieces["n_looks"] == 1
    assert torch.equal(whole["frozen"], torch.ones(3))
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_no_gradient_steps_need_a_method_that_is_fitted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="n_steps = 0, but Noisy has no `fit`"):
        run(tmp_path, config=TrainingConfig(n_steps=0))


def test_a_method_without_gradient_steps_is_only_fitted(tmp_path: Path) -> None:
    weights = run(tmp_path, config=TrainingConfig(n_steps=0), method=FitNoisy)
    assert weights["n_looks"] == 1


class Partly(Noisy):
    """Leaves its biases out of the weight decay."""

    def no_decay(self) -> frozenset[str]:
        return frozenset({"network.0.bias", "network.2.bias"})


def test_a_method_says_what_is_not_decayed() -> None:
    method = Partly()
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    groups = [
        ([names[id(p)] for p in group["params"]], group["weight_decay"]) for group in parameter_groups(method, 0.1)
    ]
    assert groups == [
        (["network.0.weight", "network.2.weight"], 0.1),
        (["network.0.bias", "network.2.bias"], 0.0),
    ]
    (everything,) = parameter_groups(Noisy(), 0.1)
    assert len(everything["params"]) == 4


def test_a_parameter_that_is_not_there_cannot_be_left_out_of_the_decay() -> None:
    method = Partly()
    method.network = nn.Sequential(nn.Linear(4, 2))
    with pytest.raises(ConfigError, match=r"Partly\.no_decay names parameters that it lacks: network\.2\.bias"):
        parameter_groups(method, 0.1)
