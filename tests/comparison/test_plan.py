"""Which cells are compared, which records stand for them, and that finding out opens no policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dpbench.baselines.mlp_bc import BASELINE, MlpBcConfig
from dpbench.comparison import plan as planning
from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.groups import with_other_seeds
from dpbench.comparison.plan import Action, carry_out, plan
from dpbench.comparison.reuse import KnownRecords, known_or_evaluated
from dpbench.comparison.selection import Selection, select
from dpbench.data.normalise import Normaliser
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.nets.features import Features
from dpbench.policies import checkpoint
from dpbench.policies.checkpoint import load_checkpoint, save_checkpoint
from dpbench.policies.networks import parameters_of
from dpbench.records.record import Record
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")
SMALL = MlpBcConfig(width=16, depth=1)


def write(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    module = BASELINE.build(SMALL, Features.from_task(TASK))
    description = {
        "baseline": "mlp-bc", "preset": "small", "task": TASK.id, "seed": seed, "step": 10,
        "config": {"width": 16, "depth": 1}, "n_parameters": parameters_of(module),
    }  # fmt: skip
    keys = {"agent_pos": 2, "environment_state": 3, "action": 2}
    normalisers = {key: Normaliser(np.ones(n, np.float32), np.zeros(n, np.float32)) for key, n in keys.items()}
    save_checkpoint(folder, description, module.state_dict(), normalisers)
    return folder


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("zoo")
    write(root / "PushT-v0/mlp-bc")
    return root


@pytest.fixture(scope="module")
def records(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of everything that `select` finds."""
    folder = tmp_path_factory.mktemp("records")
    known = KnownRecords(folder)
    for cell in select(selection(zoo)):
        known_or_evaluated(cell, known, n_workers=1)
    return folder


def selection(zoo: Path, **changes: Any) -> Selection:
    return Selection(zoo, n_starts=1, **changes)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Networks that were built, those without memory aside, and weight files that were read."""
    counts = {"built": 0, "read": 0}
    build, read = BASELINE.build, checkpoint.read_bytes

    def counting_build(*arguments: Any) -> torch.nn.Module:
        counts["built"] += torch.get_default_device().type != "meta"
        return build(*arguments)

    def counting_read(*arguments: Any, **options: Any) -> bytes:
        counts["read"] += 1
        return read(*arguments, **options)

    monkeypatch.setattr("dpbench.baselines.mlp_bc.BASELINE", replace(BASELINE, build=counting_build))
    monkeypatch.setattr(checkpoint, "read_bytes", counting_read)
    return counts


def test_a_comparison_with_nothing_to_do_builds_no_network_and_reads_no_weights(
    zoo: Path, records: Path, counted: dict[str, int]
) -> None:
    known = KnownRecords(records)
    steps = plan(select(selection(zoo)), known)
    assert [step.action for step in steps] == [Action.SHOW] * len(steps)
    assert {step.cell.policy.baseline for step in steps} == {"mlp-bc", "hold", "random", "demonstrator"}
    assert all(carry_out(step, known, n_workers=1) is not None for step in steps)
    assert counted == {"built": 0, "read": 0}


def test_a_fresh_evaluation_opens_its_checkpoint_only_where_it_acts(
    zoo: Path, tmp_path: Path, counted: dict[str, int]
) -> None:
    cell = resolve(Cell(str(zoo / "PushT-v0/mlp-bc"), n_starts=1, sampler_seeds=(0,)))
    assert counted == {"built": 0, "read": 0}
    known_or_evaluated(cell, KnownRecords(tmp_path), n_workers=1)
    assert counted == {"built": 2, "read": 2}, "once to roll out, once to time"


def test_a_resolved_cell_is_what_its_record_says(zoo: Path, records: Path) -> None:
    (cell,) = select(selection(zoo, policies=("mlp-bc",)))
    record = KnownRecords(records).of(cell)
    assert record is not None
    assert record.identity == cell.identity
    assert record.policy.checkpoint_sha256 == load_checkpoint(zoo / "PushT-v0/mlp-bc").sha256
    assert record.cell.start_seeds == tuple(trial.start_seed for trial in cell.trials)


def test_what_has_no_record_is_evaluated_and_known_from_then_on(zoo: Path, tmp_path: Path) -> None:
    cells = select(selection(zoo, policies=("hold",)))
    known = KnownRecords(tmp_path)
    (step,) = plan(cells, known)
    assert (step.action, step.record) == (Action.EVALUATE, None)
    done: list[int] = []
    made = carry_out(step, known, n_workers=1, on_done=done.append)
    assert sum(done) == len(step.cell.trials)
    (again,) = plan(cells, known)
    assert (again.action, again.record) == (Action.SHOW, made)
    assert KnownRecords(tmp_path).all() == (made,), "kept on disk, too"


def test_only_records_of_the_wanted_commit_are_reused(zoo: Path, records: Path) -> None:
    cells, known = select(selection(zoo)), KnownRecords(records)
    (commit,) = {record.provenance.commit.id for record in known.all()}
    assert {step.action for step in plan(cells, known, commit)} == {Action.SHOW}
    assert {step.action for step in plan(cells, known, "0" * 40)} == {Action.EVALUATE}


def test_a_comparison_with_nothing_to_do_imports_no_simulator(
    zoo: Path, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(planning, "missing_extra", asked.append)
    cells, known = select(selection(zoo)), KnownRecords(records)
    plan(cells, known)
    assert asked == []
    plan(cells, known, retime=True)
    assert asked == [TASK.id], "once a task"


def test_timing_again_keeps_the_episodes(zoo: Path, tmp_path: Path) -> None:
    known = KnownRecords(tmp_path)
    (cell,) = select(selection(zoo, policies=("hold",)))
    before = known_or_evaluated(cell, known, n_workers=1)
    (step,) = plan([cell], known, retime=True)
    assert step.action is Action.TIME
    after = carry_out(step, known, n_workers=1)
    assert after is not None
    assert after.episodes == before.episodes
    assert after.latency != before.latency
    assert known.of(cell) == after


def test_a_task_that_cannot_run_here_shows_what_was_measured_elsewhere(
    zoo: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "missing_extra", lambda _: "needs a simulator")
    cells = select(selection(zoo))
    steps = plan(cells, KnownRecords(records), commit="0" * 40, retime=True)
    assert {(step.action, step.missing) for step in steps} == {(Action.SHOW, "needs a simulator")}
    assert all(step.record is not None for step in steps)
    nothing = KnownRecords(tmp_path)
    (step, *_) = plan(cells, nothing)
    assert step.action is Action.LEAVE_OUT
    assert carry_out(step, nothing, n_workers=1) is None


def test_tasks_and_policies_are_chosen_by_name(zoo: Path) -> None:
    assert [cell.policy.baseline for cell in select(selection(zoo, tasks=("pusht",), policies=("mlp-bc", "hold")))] == [
        "mlp-bc",
        "hold",
    ]
    with pytest.raises(ConfigError, match="tasks: dpbench/Avoid-v1 is not in the zoo; known are dpbench/PushT-v0"):
        select(selection(zoo, tasks=("avoid",)))
    with pytest.raises(ConfigError, match="policies: act is not in the zoo; known are demonstrator, hold"):
        select(selection(zoo, policies=("act",)))
    with pytest.raises(UnknownNameError, match="no start states named 'x'"):
        select(selection(zoo, starts="x"))
    with pytest.raises(ConfigError, match="holds no checkpoint"):
        select(selection(zoo / "nowhere"))


def other_seed(record: Record, seed: int, **changes: Any) -> Record:
    """As of a checkpoint that was trained with another seed."""
    policy = record.policy.model_copy(update={"seed": seed, "checkpoint_sha256": f"{seed:064}", **changes})
    cell = record.cell.model_copy(update={"policy": policy})
    return record.model_copy(update={"cell": cell, "identity": cell.identity()})


def test_records_of_other_training_seeds_join_and_others_do_not(zoo: Path, records: Path) -> None:
    (cell,) = select(selection(zoo, policies=("mlp-bc",)))
    record = KnownRecords(records).of(cell)
    assert record is not None
    first, second, larger = other_seed(record, 1), other_seed(record, 2), other_seed(record, 3, step=20)
    again = second.model_copy(update={"modes": ("later",)})
    joined = with_other_seeds([record], [first, second, larger, again, other_seed(record, 0)])
    assert joined == [record, first, again], "the last of each seed, none that was trained otherwise"
