"""Sound records are added with a note of what was checked; with a checkpoint, the policy is asked again."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.cli import main
from dpbench.comparison.submissions.verification import sample
from dpbench.records.reading import read

from ..policies import small_checkpoint
from .conftest import Submitted
from .test_refused import arrays_of, put, refused, with_trajectories


def add(submitted: Submitted, records: Path, *more: str) -> int:
    return main(["leaderboard", "add", str(submitted.record), "--records", str(records), "--workers", "1", *more])


def test_a_record_is_added_once_with_its_note(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records"
    assert add(submitted, records, "--checkpoint", str(submitted.checkpoint), "--verify", "all", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["added"] is True
    assert (told["submission"]["n_episodes"], told["submission"]["agreement"]) == (3, "equal")
    kept = read(next(records.glob("*.json")))
    assert str(kept.submission) == "submitted, 3 episodes verified"
    assert kept.episodes == read(submitted.record).episodes
    before = {path: path.read_bytes() for path in records.iterdir()}
    assert add(submitted, records) == 0
    assert "is there already, nothing was changed" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in records.iterdir()} == before


def test_a_metric_that_the_record_lacks_is_computed(submitted: Submitted, tmp_path: Path) -> None:
    submitted.change(lambda content: (content["summary"].pop("rms_jerk"), content["episodes"].pop("rms_jerk")))
    assert add(submitted, tmp_path / "records") == 0
    kept = read(next((tmp_path / "records").glob("*.json")))
    assert "rms_jerk" in kept.summary
    assert str(kept.submission) == "submitted, figures recomputed"


def checkpoint(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    folder = small_checkpoint.write(tmp_path / "checkpoint")
    content = json.loads((folder / "checkpoint.json").read_text())
    change(content)
    (folder / "checkpoint.json").write_text(json.dumps(content))
    return folder


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_weights_that_are_a_pickle_are_not_run(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoint(tmp_path, lambda _: None)
    next(folder.glob("*.safetensors")).write_bytes(pickle.dumps(Evil(tmp_path / "executed")))
    assert "SHA-256" in refused([str(submitted.record), "--checkpoint", str(folder)], capsys, tmp_path / "records")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("stranger", "baseline"), "stranger"),
        (put(5, "seed"), "cell.policy.seed is 0, of the policy it is 5"),
        (put("0" * 64, "weights_sha256"), "those of the checkpoint have 0000"),
        (put("../../x.safetensors", "weights"), "weights"),
        (put("dpbench/PushTKeypoints-v0", "task"), "PushTKeypoints"),
    ],
)
def test_a_checkpoint_that_is_not_the_records_is_refused(
    change: Callable[[Any], None],
    expected: str,
    submitted: Submitted,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = checkpoint(tmp_path, change)
    assert expected in refused([str(submitted.record), "--checkpoint", str(folder)], capsys, tmp_path / "records")


def test_other_weights_are_refused(submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_checkpoint.write(tmp_path / "checkpoint", step=11)
    told = refused([str(submitted.record), "--checkpoint", str(folder), "--verify", "1"], capsys, tmp_path / "records")
    assert "is of weights with SHA-256" in told


def test_verification_needs_the_checkpoint(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records"
    assert "name it with --checkpoint" in refused([str(submitted.record), "--verify", "1"], capsys, records)
    missing = [str(submitted.record), "--verify", "1", "--checkpoint", str(tmp_path / "none")]
    assert "holds no checkpoint.json" in refused(missing, capsys, records)


def test_episodes_of_another_policy_are_found_on_any_machine(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every figure follows and the simulator agrees, but the policy never did it: the trials are swapped."""
    arrays = arrays_of(submitted)
    other = small_checkpoint.write(tmp_path / "other", step=11)
    from dpbench.comparison.cells import Cell, resolve
    from dpbench.comparison.evaluate import evaluate
    from dpbench.records.trajectories import pack

    done = evaluate(resolve(Cell(str(other), sampler_seeds=(0,))), 1)
    assert not np.array_equal(arrays["actions"][:8], done.recorded.episodes[0].actions[:8])
    with_trajectories(submitted, pack(done.recorded))
    forged = done.record.as_json()
    submitted.change(lambda content: content.update(summary=forged["summary"], episodes=forged["episodes"]))
    arguments = [str(submitted.record), "--checkpoint", str(submitted.checkpoint), "--verify", "2"]
    assert "come out otherwise from the checkpoint, on the same processor" in refused(arguments, capsys, tmp_path / "a")
    submitted.change(put("Another CPU", "provenance", "hardware", "cpu"))
    told = refused(arguments, capsys, tmp_path / "a")
    assert "the first actions of 0 of 2 episodes agree" in told


def test_a_sample_is_that_of_its_generator() -> None:
    chosen = sample(50, 10, np.random.default_rng(1))
    assert chosen == sample(50, 10, np.random.default_rng(1))
    assert chosen != sample(50, 10, np.random.default_rng(2))
    assert len(set(chosen)) == 10
    assert sample(3, None, np.random.default_rng(1)) == (0, 1, 2)
