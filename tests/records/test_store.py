"""Records are added, never changed; the table is made of them."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.evaluate import evaluate
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.tables import as_text
from dpbench.records import store
from dpbench.records.record import Record

CELL = Cell("hold", "dpbench/PushT-v0", n_starts=3, sampler_seeds=(0, 1))


@pytest.fixture(scope="module")
def record() -> Record:
    return evaluate(resolve(CELL), n_workers=1).record


def test_a_record_tells_where_it_comes_from(record: Record) -> None:
    versions = record.provenance.versions
    assert set(versions) == {"python", "dpbench", "gymnasium", "numpy", "torch", "pymunk"}, "what the task names, too"
    assert versions["pymunk"] == version("pymunk")
    assert record.provenance.threads is not None
    assert record.provenance.threads.torch == 1
    assert record.latency.other_cores is None or record.latency.other_cores >= 0
    assert record.provenance.hardware.cpu
    assert record.cell.start_seeds == (100_000, 100_001, 100_002)
    assert record.episodes.start_seed == (100_000, 100_001, 100_002) * 2
    assert record.n_starts == 3
    json.dumps(record.as_json())


def test_identity_is_what_decides_the_result() -> None:
    digest = resolve(CELL).identity
    assert digest == resolve(CELL).identity
    changed = (
        Cell("hold", "dpbench/PushT-v0", n_starts=4, sampler_seeds=(0, 1)),
        Cell("hold", "dpbench/PushT-v0", n_starts=3, sampler_seeds=(0, 2)),
        Cell("hold", "dpbench/PushT-v0", "legacy-4300000", 3, (0, 1)),
        Cell("random", "dpbench/PushT-v0", n_starts=3, sampler_seeds=(0, 1)),
    )
    assert digest not in {resolve(cell).identity for cell in changed}


def test_records_are_kept_beside_each_other(tmp_path: Path, record: Record) -> None:
    date = {"date_utc": "2099-01-01T00:00:00+00:00"}
    later = record.model_copy(update={"provenance": record.provenance.model_copy(update=date)})
    for one in (record, later):
        store.add(tmp_path, one)
    known = store.read_all(tmp_path)
    assert len(known) == 2
    assert store.newest(known, record.identity) == known[-1]
    assert known[-1].provenance.date_utc.startswith("2099")
    assert store.newest(known, "unknown") is None
    assert store.newest(known, record.identity, commit="another") is None


def test_of_two_records_of_one_second_the_later_one_is_the_newest(tmp_path: Path, record: Record) -> None:
    for n_calls in (1, 2, 3):
        latency = record.latency.model_copy(update={"n_calls": n_calls, "times_s": None})
        store.add(tmp_path, record.model_copy(update={"latency": latency}))
    assert [one.latency.n_calls for one in store.read_all(tmp_path)] == [1, 2, 3]
    found = store.find(tmp_path, record.identity)
    assert found is not None
    assert found.latency.n_calls == 3


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownNameError, match="no start states named 'x'"):
        resolve(Cell("hold", "dpbench/PushT-v0", "x"))
    with pytest.raises(ConfigError, match="n_starts = 0"):
        resolve(Cell("hold", "dpbench/PushT-v0", n_starts=0))


def test_a_record_names_the_simulator_of_its_task() -> None:
    made = evaluate(resolve(Cell("hold", "dpbench/Avoid-v0", n_starts=1, sampler_seeds=(0,))), n_workers=1).record
    assert made.provenance.versions["mujoco"] == version("mujoco")
    assert "pymunk" not in made.provenance.versions


def test_a_task_with_modes_reports_how_many_ways_a_policy_takes() -> None:
    done = evaluate(resolve(Cell("demonstrator", "dpbench/Avoid-v0", n_starts=30)), n_workers=1).record
    assert done.estimate("behaviour_entropy").mean > 0.8
    assert sum(done.mode_counts().values()) == 90, "none is left out"
    assert done.estimate("conditional_behaviour_entropy").mean > 0.2, "three rollouts from each start"
    assert len(done.episodes.column("mode")) == 90
    text = as_text(frame([done])).iloc[0]
    assert float(text["entropy"]) > 0.8
