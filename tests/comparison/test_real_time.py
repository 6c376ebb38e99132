"""Real time beside lock-step: what the record holds, that it is reproducible, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpbench.cli import main
from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.evaluate import Evaluation, evaluate
from dpbench.comparison.plan import Action, plan
from dpbench.comparison.real_time import MeasuredLatency, in_real_time, latency_of
from dpbench.comparison.reuse import KnownRecords, known_or_evaluated
from dpbench.errors import ConfigError, DataError
from dpbench.files.writing import write_json
from dpbench.metrics.statistics.percentiles import percentiles
from dpbench.records.machine import Hardware, Latency, Percentiles
from dpbench.records.reading import read
from dpbench.records.record import Record

ROOT = Path(__file__).parents[2]
ACT = str(ROOT / "zoo/PushTKeypoints-v0/act")
CELL = Cell("demonstrator", "dpbench/Avoid-v1", n_starts=3, sampler_seeds=(0, 1), real_time=True)


def made_up(*times_s: float) -> MeasuredLatency:
    """A latency with these call times."""
    found = Percentiles(**percentiles(times_s))
    latency = Latency(call_s=found, control_step_s=found, n_calls=len(times_s), n_threads=1, times_s=times_s)
    return MeasuredLatency(latency, Hardware(cpu="another", cores=1, gpu=None, platform="a"))


SLOW = made_up(0.01, 0.3, 0.9)


@pytest.fixture(scope="module")
def cell() -> ResolvedCell:
    return resolve(CELL)


@pytest.fixture(scope="module")
def slow(cell: ResolvedCell) -> Evaluation:
    return evaluate(cell, n_workers=1, timed=SLOW)


def figures(record: Record) -> bytes:
    """What a record says of real time, without where and when that was found out."""
    assert record.real_time is not None
    return record.real_time.model_dump_json(exclude={"provenance"}).encode()


def test_a_slow_policy_is_late_and_the_record_says_by_how_much(slow: Evaluation, tmp_path: Path) -> None:
    part = slow.record.real_time
    assert part is not None
    assert part.latency.times_s == (0.01, 0.3, 0.9)
    assert part.hardware.cpu == "another", "the machine of the latency, not the one of the rollouts"
    columns = part.episodes.columns()
    assert len(set(columns["stale_share"])) > 1
    assert slow.record.real_time.summary["stale_share"].mean > 0.1  # type: ignore[union-attr]
    assert part.summary["fresh_rate_hz"].mean < slow.recorded.task.rate_hz  # type: ignore[union-attr]
    for now, before, difference in zip(
        part.episodes.success, slow.record.episodes.success, columns["success_difference"], strict=True
    ):
        assert difference == now - before
    write_json(tmp_path / "record.json", slow.record.as_json())
    assert read(tmp_path / "record.json") == slow.record


def test_lock_step_figures_and_identity_do_not_notice(slow: Evaluation, cell: ResolvedCell) -> None:
    alone = evaluate(replace(cell, real_time=False), n_workers=1)
    assert alone.record.identity == slow.record.identity
    assert alone.record.real_time is None
    assert alone.record.episodes == slow.record.episodes
    assert alone.record.summary == slow.record.summary


def test_the_call_times_of_a_record_give_the_same_figures_in_any_number_of_processes(
    slow: Evaluation, cell: ResolvedCell
) -> None:
    part, _ = in_real_time(cell, slow.record.episodes, latency_of(slow.record, "it"), n_workers=2)
    assert figures(slow.record.with_real_time(part)) == figures(slow.record)


def test_calls_in_time_give_the_lock_step_episodes_and_a_difference_of_exactly_nothing(cell: ResolvedCell) -> None:
    record = evaluate(cell, n_workers=1, timed=made_up(0.0, 1e-3)).record
    part = record.real_time
    assert part is not None
    assert {name: part.episodes.columns()[name] for name in ("success", "length", "mode")} == {
        name: record.episodes.columns()[name] for name in ("success", "length", "mode")
    }
    assert part.summary["success"] == record.summary["success"]
    difference = part.summary["success_difference"]
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)  # type: ignore[union-attr]
    assert set(part.episodes.columns()["stale_share"]) == {0}


def test_real_time_is_added_to_a_known_record_once(tmp_path: Path) -> None:
    known = KnownRecords(tmp_path)
    small = resolve(replace(CELL, n_starts=1, sampler_seeds=(0,)))
    first = known_or_evaluated(replace(small, real_time=False), known, 1)
    assert plan([small], known)[0].action is Action.RUN_IN_REAL_TIME
    done: list[int] = []
    second = known_or_evaluated(small, known, 1, done.append)
    assert second.real_time is not None
    assert sum(done) == small.n_episodes == 2
    assert (second.episodes, second.summary, second.trajectories) == (first.episodes, first.summary, first.trajectories)
    assert plan([small], KnownRecords(tmp_path))[0].action is Action.SHOW
    assert known_or_evaluated(small, KnownRecords(tmp_path), 1) == second
    assert len(KnownRecords(tmp_path).all()) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part["latency"].update(times_s=[0.1]), "n_calls is 3, times_s has 1"),
        (lambda part: part["latency"].update(times_s=[0.01, 0.2, 0.9]), "call_s.p50 is 0.3, times_s say 0.2"),
        (lambda part: part["latency"].update(times_s=None), "has no times_s"),
        (lambda part: part["latency"].update(times_s=[-1, 0.3, 0.9]), "greater than or equal to 0"),
        (lambda part: part["episodes"]["start_seed"].reverse(), "real_time: episodes are not those of the record"),
        (
            lambda part: part["episodes"].update(success_difference=[0, -2, -1, -1, -1, -1]),
            "is not success in real time minus",
        ),
        (lambda part: part["summary"]["success_difference"].update(mean=0.5, high=0.9), "does not follow from"),
        (lambda part: part["summary"].pop("stale_share"), "stale_share is missing in summary or episodes"),
        (lambda part: part["episodes"]["stale_share"].__setitem__(0, 1.5), "something else than shares from 0 to 1"),
        (lambda part: part["summary"]["success"].update(mean=0.12), "success is 0.12, which does not follow"),
        (lambda part: part["episodes"]["success"].pop(), "success has 5 values, start_seed has 6"),
    ],
)
def test_a_part_that_does_not_fit_is_named(slow: Evaluation, tmp_path: Path, change: Any, message: str) -> None:
    content = json.loads(json.dumps(slow.record.as_json()))
    change(content["real_time"])
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latency_steps": "2"}, "latency_steps = 2 does not fit real time"),
        ({"temporal_ensemble": "0.01"}, "temporal_ensemble = 0.01 does not fit real time"),
    ],
)
def test_options_that_real_time_does_not_fit_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(Cell(ACT, options=options, real_time=True))
    assert not resolve(Cell(ACT, options=options)).real_time


def test_a_record_without_call_times_is_refused_in_one_line(
    record: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.json"
    write_json(path, record("act", 0, 0.5).as_json())
    arguments = ["evaluate", "hold", "--task", "dpbench/Avoid-v1", "--episodes", "1", "--latencies-from", str(path)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "old.json holds percentiles of the latency and no times of single calls" in error
    assert error.count("\n") == 1
