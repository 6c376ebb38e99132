"""Which records the pages show: those of one protocol, and the newest of what was evaluated again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpbench.cli import main
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.leaderboard.frame import read_frame
from dpbench.leaderboard.selection import Protocol, shown_records
from dpbench.records import store
from dpbench.records.record import Record
from dpbench.tasks import load_task

ROOT = Path(__file__).parents[2]
TASK = "dpbench/PushTKeypoints-v0"
STARTS = load_task(TASK).starts()
SEEDS = STARTS.seeds()


@pytest.fixture
def of(record: Callable[..., Record]) -> Callable[..., Record]:
    """Makes a record whose cell differs in some fields from that of the whole protocol."""

    def make(date: str = "2026-01-01", baseline: str = "bet", **changes: Any) -> Record:
        one = record(baseline, 42, 0.5)
        cell = one.cell.model_copy(
            update={"starts": STARTS.name, "start_seeds": SEEDS, "sampler_seeds": (0,), **changes}
        )
        made = one.provenance.model_copy(update={"date_utc": date})
        trials = [(start, sampler) for sampler in cell.sampler_seeds for start in cell.start_seeds]
        columns = {name: (values * len(trials))[: len(trials)] for name, values in one.episodes.columns().items()}
        columns |= {"start_seed": [start for start, _ in trials], "sampler_seed": [sampler for _, sampler in trials]}
        changed = {**dict(one), "cell": cell, "identity": cell.identity(), "provenance": made, "episodes": columns}
        return Record.model_validate(changed, strict=False)

    return make


def test_only_the_whole_protocol_with_the_sampler_seeds_is_shown(of: Callable[..., Record], tmp_path: Path) -> None:
    whole = of()
    for one in (whole, of(start_seeds=SEEDS[:4]), of(sampler_seeds=(0, 1)), of(starts="symmetric"),
                of(start_seeds=tuple(seed + 1 for seed in SEEDS))):  # fmt: skip
        store.add(tmp_path, one)
    assert shown_records(tmp_path, Protocol()) == [whole]
    assert [one.cell.start_seeds for one in shown_records(tmp_path, Protocol(n_starts=4))] == [SEEDS[:4]]
    assert [one.cell.sampler_seeds for one in shown_records(tmp_path, Protocol(sampler_seeds=(0, 1)))] == [(0, 1)]
    for other in (Protocol(n_starts=3), Protocol(starts="nowhere"), Protocol(tasks=["avoid"])):
        with pytest.raises(ConfigError, match="nothing to show: of the "):
            shown_records(tmp_path, other)
    with pytest.raises(UnknownNameError):
        shown_records(tmp_path, Protocol(tasks=["nothing"]))


def test_the_newest_record_of_an_identity_is_shown(of: Callable[..., Record], tmp_path: Path) -> None:
    for date in ("2026-01-02", "2026-01-03", "2026-01-01"):
        store.add(tmp_path, of(date))
    assert [one.provenance.date_utc for one in shown_records(tmp_path, Protocol())] == ["2026-01-03"]


def test_records_of_a_task_that_is_not_installed_are_left_out_and_told(
    of: Callable[..., Record], tmp_path: Path
) -> None:
    store.add(tmp_path, of())
    store.add(tmp_path, of(task="strangers/Fold-v0"))
    said: list[str] = []
    assert [one.cell.task for one in shown_records(tmp_path, Protocol(), said.append)] == [TASK]
    assert len(said) == 1
    assert said[0].startswith("1 records of strangers/Fold-v0 are left out: ")


def test_the_command_writes_pages_from_records_alone(
    of: Callable[..., Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.add(tmp_path / "records", of())
    store.add(tmp_path / "records", of(baseline="hold"))
    assert main(["leaderboard", "render", "--records", f"{tmp_path}/records", "--output", f"{tmp_path}/out"]) == 0
    assert "written from 2 records: 2 rows" in capsys.readouterr().out
    assert set(read_frame(tmp_path / "out/table.csv")["policy"]) == {"bet", "hold"}
    assert main(["leaderboard", "render", "--records", f"{tmp_path}/none", "--output", f"{tmp_path}/no"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "no").exists()


def test_comparing_draws_nothing() -> None:
    code = (
        "import sys; from dpbench.cli import main; status = main(['compare', '--policies', 'hold']); "
        "sys.exit(status or 9 * ('matplotlib' in sys.modules or 'imageio' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert "PushTKeypoints-v0" in done.stdout
