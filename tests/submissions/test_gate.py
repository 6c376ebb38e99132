"""An evaluation as a regression gate."""

from __future__ import annotations

import json

import pytest

from dpbench.cli import main
from dpbench.comparison.gate import against, at_least
from dpbench.records.reading import read
from dpbench.records.record import Episodes, Record

from .conftest import Submitted


def with_successes(record: Record, n_successes: int, n_starts: int = 40) -> Record:
    """The record of another policy: so many successes, from more starts."""
    columns = {
        "start_seed": tuple(range(n_starts)),
        "sampler_seed": (0,) * n_starts,
        "success": tuple(row < n_successes for row in range(n_starts)),
        "max_reward": tuple(0.9 if row < n_successes else 0.1 for row in range(n_starts)),
    }
    return record.model_copy(update={"episodes": Episodes.model_validate(columns)})


def test_only_what_a_paired_test_tells_apart_is_worse(made: Submitted) -> None:
    record = read(made.record)
    good, slightly_worse, bad = (with_successes(record, number) for number in (30, 28, 15))
    assert against(good, good).passed
    assert against(slightly_worse, good).passed
    assert against(good, bad).passed
    judged = against(bad, good)
    assert not judged.passed
    assert "success and score worse than the earlier record on 40 starts" in judged.why


def test_a_metric_below_its_value_fails(made: Submitted) -> None:
    record = read(made.record)
    length = record.number("length") or 0.0
    assert [one.passed for one in at_least(record, {"length": length, "success": 2.0})] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--fail-below", "success=0"], 0), (["--fail-below", "success=0", "--fail-below", "length=1e6"], 1)],
)
def test_the_exit_status_tells(
    arguments: list[str], status: int, made: Submitted, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["evaluate", str(made.checkpoint), "--workers", "1", "--json", "--against", str(made.record)]
    assert main([*line, *arguments]) == status
    told = capsys.readouterr()
    assert json.loads(told.out)["cell"] == json.loads(made.record.read_text())["cell"]
    assert "not worse than the earlier record on 3 starts" in told.err
    assert ("fail: length is" in told.err) == bool(status)


@pytest.mark.parametrize(
    "arguments", [["--fail-below", "beauty=1"], ["--fail-below", "success=x"], ["--against", "no"]]
)
def test_a_gate_that_cannot_work_is_one_line(
    arguments: list[str],
    made: Submitted,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", str(made.checkpoint), *arguments]) in (1, 2)
    assert capsys.readouterr().err.startswith("error: ")
