"""Records and trajectories that are damaged or made to harm: one line says it, and what is taken is right."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from dpbench.errors import DataError
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.pages import pages
from dpbench.leaderboard.tables import print_table
from dpbench.metrics.episode import Episode, EpisodeSet, Trial
from dpbench.records.completion import completed
from dpbench.records.migrations import migrate
from dpbench.records.reading import read
from dpbench.records.record import EvaluatedCell, Record, TrajectoryFile
from dpbench.records.store import read_all
from dpbench.records.trajectories import digest, pack, read_trajectories
from dpbench.tasks import load_task

FIRST: dict[str, Any] = json.loads((Path(__file__).parent / "v1/modes.json").read_text())
GOOD = migrate(json.loads(json.dumps(FIRST)))
TASK = load_task("dpbench/Avoid-v0")


def take(path: Path, show: bool) -> None:
    """Read a record, check that its numbers follow from each other, and show it everywhere."""
    record = read(path)
    json.dumps(record.as_json(), allow_nan=False)
    successes = record.episodes.success
    assert record.estimate("success").mean == pytest.approx(sum(successes) / len(successes), abs=1e-5)
    assert len(set(record.cell.start_seeds)) * len(record.cell.sampler_seeds) == len(record.episodes)
    assert sum(record.mode_counts().values()) <= sum(successes)
    if not show or record.cell.task != GOOD["cell"]["task"]:
        return
    table = frame([record])
    pages(table, [record], path.parent)
    print_table(table, Console(file=io.StringIO(), width=100))


def with_identity(content: bytes) -> bytes:
    """With the hash that fits the cell: whoever makes a hostile record can compute it."""
    try:
        record = json.loads(content)
        record["identity"] = EvaluatedCell.model_validate_json(json.dumps(record["cell"])).identity()
        return json.dumps(record).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return content


def test_hostile_records_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    path = tmp_path / "attack.json"
    for number in range(1100):
        good = (FIRST, GOOD)[number % 2]
        content = attack.bytes_of(json.dumps(good).encode()) if number % 5 == 0 else attack.json_anywhere(good)
        path.write_bytes(with_identity(content))
        show = attack.counts["taken"] % 8 == 0  # it takes most of the time
        attack.outcome(path, lambda: take(path, show))  # noqa: B023
    path.write_text(json.dumps(GOOD))
    take(path, show=True)
    attack.report("records")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, attack: Any) -> None:
    path, other = tmp_path / "records/attack.json", tmp_path / "other.json"
    path.parent.mkdir()
    for one in (path, other):
        one.write_text(json.dumps(GOOD))
    attack.special_files(path, lambda: read(path), other)
    assert len(read_all(path.parent)) == 1
    assert attack.counts == {"refused": 7}


def set_in(*keys: Any) -> Callable[[dict[str, Any]], None]:
    """A change: the value at the end of a path."""

    def change(record: dict[str, Any]) -> None:
        part = record
        for key in keys[:-2]:
            part = part[key]
        part[keys[-2]] = keys[-1]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("summary", "success", {"mean": 1.0, "low": 0.9, "high": 1.0}), "success is 1, which does not follow"),
        (set_in("summary", "length", "mean", 1e6), "length is 1e.06, which does not follow from episodes.length"),
        (lambda record: record["summary"].pop("success"), "summary.success is missing, or has no interval"),
        (set_in("summary", "success", "low", 2.0), "expected finite numbers with low <= high"),
        (set_in("episodes", "start_seed", 0, 7), "episodes are not the 50 of cell"),
        (set_in("episodes", "mode", 0, "x"), "episodes.mode holds a name that is not in modes"),
        (set_in("episodes", "length", 0, "x"), "episodes.length holds something else than numbers"),
        (set_in("latency", "call_s", "p50", 1e9), "expected p50 <= p95 <= p99"),
        (set_in("latency", "n_threads", 0), "n_threads = 0: expected greater than or equal to 1"),
        (set_in("provenance", "date_utc", "yesterday"), "date_utc = .yesterday."),
        (set_in("trajectories", {"file": "../x.npz", "sha256": "0" * 64}), r"\.\./x\.npz.: is not the name of an .npz"),
        (set_in("trajectories", {"file": "/etc/passwd", "sha256": "0" * 64}), "is not the name of an .npz file"),
    ],
)
def test_numbers_that_do_not_follow_and_names_that_leave_the_folder_are_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    record, path = json.loads(json.dumps(GOOD)), tmp_path / "attack.json"
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize("seeds", ["start_seeds", "sampler_seeds"])
def test_a_seed_that_stands_twice_is_named(tmp_path: Path, seeds: str) -> None:
    record, path = json.loads(json.dumps(GOOD)), tmp_path / "attack.json"
    record["cell"][seeds] *= 2
    path.write_bytes(with_identity(json.dumps(record).encode()))
    with pytest.raises(DataError, match=f"cell.{seeds} has a seed twice"):
        read(path)


def episodes() -> EpisodeSet:
    rng = np.random.default_rng(0)

    def one(seed: int, n_steps: int) -> Episode:
        return Episode(
            Trial(seed, 0), rng.uniform(size=(n_steps, TASK.action.dim)).astype(np.float32), rng.uniform(size=n_steps),
            rng.uniform(size=n_steps), np.zeros(n_steps, bool), rng.uniform(size=(n_steps + 1, 2)).astype(np.float32),
            None, np.zeros(n_steps, np.int64),
        )  # fmt: skip

    return EpisodeSet(TASK, (one(1, 4), one(2, 3)), n_action_steps=8)


def repacked(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A zip file with one member changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, change(old.read(member)) if member == name else old.read(member))
    return buffer.getvalue()


SHAPES = (b"(7,)", b"(-7,)", b"(7, 2)", b"()", b"(99999999999,)", b"(9, 2)", b"(2,)", b"(True,)", b"(0,)")


def test_hostile_trajectories_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    good, path, rng = pack(episodes()), tmp_path / "attack.npz", attack.rng
    members = zipfile.ZipFile(io.BytesIO(good)).namelist()

    def hostile(array: bytes) -> bytes:
        begin, end = array.index(b"("), array.index(b")") + 1
        kind = rng.randrange(4)
        if kind == 0:
            return array[:begin] + rng.choice(SHAPES) + array[end:]
        if kind == 1:
            return array[:128].replace(b"<", rng.choice((b">", b"|"))).replace(b"f8", b"c8") + array[128:]
        return attack.bytes_of(array[:128]) + array[128:] if kind == 2 else array[:128] + attack.bytes_of(array[128:])

    def read_it() -> None:
        kept = TrajectoryFile(file=path.name, sha256=digest(path.read_bytes()))
        found = read_trajectories(tmp_path, kept, TASK)
        assert found.n_action_steps >= 1
        for episode in found.episodes:
            n_steps = len(episode.rewards)
            assert episode.actions.shape == (n_steps, TASK.action.dim)
            assert len(episode.agent_pos) == n_steps + 1
            assert np.isfinite(episode.actions).all()
            assert np.isfinite(episode.scores).all()
            assert -1 <= episode.modes.min() <= episode.modes.max() < len(TASK.modes)

    for number in range(1100):
        path.write_bytes(attack.bytes_of(good) if number % 4 == 0 else repacked(good, rng.choice(members), hostile))
        attack.outcome(path, read_it)
    path.write_bytes(good)
    read_it()
    attack.report("trajectories")
    other = tmp_path.parent / "other.npz"
    other.write_bytes(good)
    counts = attack.counts["refused"]
    attack.special_files(
        path, lambda: read_trajectories(tmp_path, TrajectoryFile(file=path.name, sha256=digest(good)), TASK), other
    )
    assert attack.counts["refused"] == counts + 7


def test_a_bomb_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    import tracemalloc

    good = pack(episodes())
    for change in (
        lambda array: array + bytes(100_000_000),
        lambda array: array.replace(b"(7,)", b"(10000000,)") + bytes(80_000_000),
    ):
        path = tmp_path / "a.npz"
        path.write_bytes(repacked(good, "rewards.npy", change))
        kept = TrajectoryFile(file=path.name, sha256=digest(path.read_bytes()))
        tracemalloc.start()
        with pytest.raises(DataError, match=r"a\.npz: does not hold trajectories \(its arrays declare more than"):
            read_trajectories(tmp_path, kept, TASK, limit_bytes=10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()


def test_trajectories_of_other_episodes_are_refused(tmp_path: Path, record: Callable[..., Record]) -> None:
    made = record("hold", None, 0.5)
    content = pack(replace(episodes(), episodes=episodes().episodes[:1]))
    (tmp_path / "a.npz").write_bytes(content)
    cell = made.cell.model_copy(update={"task": TASK.id})
    kept = TrajectoryFile(file="a.npz", sha256=digest(content))
    other = made.model_copy(update={"trajectories": kept, "cell": cell})
    with pytest.raises(DataError, match=r"a\.npz: its episodes are not those of the record"):
        completed(other, tmp_path)


def test_committed_records_are_taken() -> None:
    records = read_all(Path(__file__).parents[2] / "leaderboards/records")
    assert len(records) > 100
    assert all(math.isfinite(record.estimate("success").mean) for record in records)
