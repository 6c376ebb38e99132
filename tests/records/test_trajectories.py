"""Trajectories are kept beside a record, so that a metric of tomorrow can be computed for a run of today."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.evaluate import Evaluation, evaluate
from dpbench.errors import DataError
from dpbench.leaderboard.frame import frame
from dpbench.leaderboard.tables import as_text
from dpbench.metrics import table
from dpbench.metrics.episode import Episode
from dpbench.metrics.measure import measured
from dpbench.metrics.metric import Metric, OfEpisode, Shown
from dpbench.metrics.statistics.estimators import MEAN
from dpbench.records import store
from dpbench.records.completion import completed
from dpbench.records.reading import read
from dpbench.records.trajectories import read_trajectories
from dpbench.spec import TaskSpec

CELL = resolve(Cell("random", "dpbench/Avoid-v0", n_starts=3, sampler_seeds=(0, 1)))


@pytest.fixture(scope="module")
def done() -> Evaluation:
    return evaluate(CELL, n_workers=1)


def path_length(episode: Episode, task: TaskSpec) -> float:  # noqa: ARG001
    return float(np.linalg.norm(np.diff(episode.agent_pos.astype(np.float64), axis=0), axis=1).sum())


PATH_LENGTH = Metric(
    "path_length", "agent units", "lower", "mean length of the agent's path",
    OfEpisode(path_length, MEAN), table.EVERY_TASK, Shown.IN_TABLE, "path length", with_interval=True,
)  # fmt: skip


def test_what_is_read_is_what_was_recorded(done: Evaluation, tmp_path: Path) -> None:
    record = store.add(tmp_path, done.record, done.recorded)
    assert record.trajectories is not None
    (path,) = tmp_path.glob("*.json")
    assert record.trajectories.file == path.with_suffix(".npz").name
    assert read(path) == record
    again = read_trajectories(tmp_path, record.trajectories, CELL.task)
    assert again.n_action_steps == done.recorded.n_action_steps
    for before, after in zip(done.recorded.episodes, again.episodes, strict=True):
        assert before.trial == after.trial
        for name in ("actions", "rewards", "scores", "successes", "agent_pos", "modes"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name), strict=True, err_msg=name)


def test_metrics_of_kept_trajectories_are_those_of_the_record(done: Evaluation, tmp_path: Path) -> None:
    record = store.add(tmp_path, done.record, done.recorded)
    assert record.trajectories is not None
    columns, summary = measured(read_trajectories(tmp_path, record.trajectories, CELL.task), table.METRICS)
    assert columns.items() <= record.episodes.columns().items()
    assert summary.items() <= record.summary.items()
    assert {"success", "rms_jerk", "behaviour_entropy"} <= set(summary)


def test_a_new_metric_is_shown_for_a_run_of_before(
    done: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = store.add(tmp_path, done.record, done.recorded)
    old = evaluate(resolve(Cell("hold", "dpbench/Avoid-v0", n_starts=1, sampler_seeds=(0,))), n_workers=1).record
    assert completed(new, tmp_path) is new, "nothing is missing"
    monkeypatch.setattr(table, "METRICS", (*table.METRICS, PATH_LENGTH))
    text = as_text(frame([completed(one, tmp_path) for one in (new, old)]))
    by_policy = text.set_index("policy")["path length"]
    expected = np.mean([path_length(episode, CELL.task) for episode in done.recorded.episodes])
    assert by_policy["random"].startswith(f"{expected:.2f} [")
    assert by_policy["hold"] == "-", "its trajectories were not kept"


def test_trajectories_of_another_run_are_refused(done: Evaluation, tmp_path: Path) -> None:
    record = store.add(tmp_path, done.record, done.recorded)
    assert record.trajectories is not None
    path = tmp_path / record.trajectories.file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="SHA-256 is not the one in the record"):
        read_trajectories(tmp_path, record.trajectories, CELL.task)
    path.unlink()
    with pytest.raises(DataError, match=r"\.npz: cannot be read"):
        read_trajectories(tmp_path, record.trajectories, CELL.task)


def test_a_latency_measured_again_keeps_the_trajectories(done: Evaluation, tmp_path: Path) -> None:
    record = store.add(tmp_path, done.record, done.recorded)
    again = store.add(tmp_path, record.with_latency(record.latency, record.provenance))
    assert again.trajectories == record.trajectories
    assert len(list(tmp_path.glob("*.npz"))) == 1
    assert len(store.read_all(tmp_path)) == 2
