"""What fails in a suite: it is tried again where that may help, recorded with its log, and the rest goes on."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from dpbench.cli import main
from dpbench.comparison.engines import local
from dpbench.comparison.suites.run import TRIES
from dpbench.files import writing
from dpbench.records.store import read_all
from tests.extending import bad_robots
from tests.extending.strangers import Strangers, installed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
POINTS = "[dpbench.tasks]\nx = bad_robots:TASKS\n[dpbench.baselines]\nx = bad_robots:BASELINES\n"
BAD = {
    "raise": "act() raised ValueError: act fails in two lines",
    "short": "act() returned an array of shape (3, 1, 2)",
    "nan": "act() returned nan",
    "exit": "act() raised SystemExit: 0",
    "crashes": f"its process was ended by SIGKILL: what it ran crashed, or memory ran out ({TRIES} times)",
    "ends": f"its process ended with status 7: what it ran crashed, or memory ran out ({TRIES} times)",
}


@pytest.fixture(scope="module", autouse=True)
def robots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    """Policies that fail, and workers that are copies of this process: they begin faster."""
    with installed(tmp_path_factory.mktemp("site")) as strangers, pytest.MonkeyPatch.context() as patch:
        strangers.add("bad_robots", Path(bad_robots.__file__).read_text(), points=POINTS)
        patch.setattr(local, "get_context", lambda _: get_context("fork"))
        yield strangers


@pytest.mark.filterwarnings("ignore")  # of Gymnasium, about the environments
def test_what_fails_is_kept_with_its_log_and_the_rest_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = json.dumps([f"policy-{name}" for name in ("good", *BAD)])
    suite = tmp_path / "bad.toml"
    suite.write_text(f'[[policies]]\nnames = {names}\ntasks = ["bad_robots/good-v0"]\n')
    store, records = tmp_path / "store", tmp_path / "records"
    line = f"compare --suite {suite} --store {store} --records {records} --workers 2 --json".split()
    assert main(line) == 1
    told = capfd.readouterr()
    rows = json.loads(told.out)
    assert [row["policy"] for row in rows if "failed" not in row] == ["policy-good"]
    failed = {row["cell"].removesuffix(" on bad_robots/good-v0"): row for row in rows if "failed" in row}
    assert set(failed) == {f"policy-{name}" for name in BAD}
    for name, reason in BAD.items():
        row = failed[f"policy-{name}"]
        assert reason in row["failed"]
        assert Path(row["log"]).exists()
    assert "Traceback" in Path(failed["policy-raise"]["log"]).read_text()
    assert "6 of 7 cells failed" in told.err
    assert [record.policy.baseline for record in read_all(records)] == ["policy-good"]

    before = set(records.iterdir())
    bad_robots_now_good = tmp_path / "good.toml"
    bad_robots_now_good.write_text('[[policies]]\nnames = ["policy-good"]\ntasks = ["bad_robots/good-v0"]\n')
    assert main([*line[:2], str(bad_robots_now_good), *line[3:]]) == 0
    assert set(records.iterdir()) == before, "a second run computes only what is missing"


SUITE = '[[policies]]\nnames = ["policy-good"]\ntasks = ["bad_robots/good-v0"]\n'


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("full", ["store", "records"])
def test_on_a_full_disk_it_ends_with_one_line_and_loses_nothing(
    full: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    line = f"compare --suite {tmp_path}/suite.toml --store {tmp_path}/store --records {tmp_path}/records".split()

    def no_space(path: Path, content: bytes) -> None:
        if path.is_relative_to(tmp_path / full):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    write = writing._write
    monkeypatch.setattr(writing, "_write", no_space)
    assert main(line) == 2
    errors = [one for one in capfd.readouterr().err.splitlines() if one.startswith("error: ")]
    assert len(errors) == 1
    assert "No space left on device" in errors[0]
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.setattr(writing, "_write", write)
    assert len(list((tmp_path / "store/episodes").glob("*.json"))) == (1 if full == "records" else 0)
    assert main(line) == 0
    assert len(read_all(tmp_path / "records")) == 1


@pytest.mark.filterwarnings("ignore")  # of Gymnasium, about the environments
def test_a_record_of_a_future_schema_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    line = f"compare --suite {tmp_path}/suite.toml --store {tmp_path}/store --records {tmp_path}/records".split()
    assert main(line) == 0
    (path,) = (tmp_path / "records").glob("*.json")
    future = path.read_text().replace('"schema_version": 2', '"schema_version": 99')
    path.write_text(future)
    capfd.readouterr()
    assert main(line) == 1
    assert "has schema_version 99" in capfd.readouterr().err
    assert path.read_text() == future
    assert len(list((tmp_path / "records").glob("*.json"))) == 1
