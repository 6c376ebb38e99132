"""The journal holds the unfinished episode on disk at every step, and survives a killed process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.arms.recording.journal import Journal
from dpbench.data.episodes import EpisodeStore
from dpbench.errors import DataError


def row(number: int) -> dict[str, np.ndarray]:
    return {"agent_pos": np.full(3, number, np.float32), "img": np.full((4, 4, 3), number, np.uint8)}


def filled(path: Path, n_steps: int) -> Journal:
    journal = Journal(path, {"task": "test"})
    journal.begin(start_seed=n_steps)
    for number in range(n_steps):
        journal.add(row(number))
    return journal


def test_a_saved_journal_is_one_episode_and_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    for n_steps in (3, 2):
        journal = filled(path, n_steps)
        assert journal.n_steps == n_steps
        journal.save()
        assert not journal.unfinished.exists()
    store = EpisodeStore.open(path)
    assert store.episode_ends.tolist() == [3, 5]
    assert store.read("agent_pos")[:, 0].tolist() == [0, 1, 2, 0, 1]
    assert store.start_seeds.tolist() == [3, 2]
    assert store.attributes == {"task": "test"}


def test_an_unfinished_episode_is_readable_and_can_be_discarded(tmp_path: Path) -> None:
    journal = filled(tmp_path / "demos.zarr", 4)
    assert EpisodeStore.open(journal.unfinished).read("img")[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    journal.discard()
    assert journal.n_steps == journal.n_episodes == 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="no unfinished episode to save"):
        journal.save()


def test_the_next_session_finds_the_episode_of_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    code = (
        "import sys, time, numpy as np\nfrom pathlib import Path\nfrom dpbench.arms.recording.journal import Journal\n"
        f"journal = Journal(Path({str(path)!r}), {{}})\njournal.begin(7)\n"
        "for number in range(10_000):\n"
        "    journal.add({'agent_pos': np.full(3, number, np.float32)})\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    journal = Journal(path, {})
    assert journal.n_steps >= last + 1
    n_steps = journal.n_steps
    journal.save()
    store = EpisodeStore.open(path)
    assert store.read("agent_pos")[:, 0].tolist() == list(range(n_steps))
    assert store.start_seeds.tolist() == [7]


def test_a_journal_is_not_saved_twice_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    journal = filled(path, 3)
    steps = EpisodeStore.open(journal.unfinished)
    store = EpisodeStore.create(path, steps.shapes())
    store.append(
        {name: steps.read(name) for name in steps.shapes()}
    )  # as `save` does, but killed before it deletes the journal
    again = Journal(path, {})
    assert again.n_steps == 0
    assert again.n_episodes == 1
    assert not again.unfinished.exists()


def test_steps_that_do_not_fit_the_store_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    filled(path, 1).save()
    with pytest.raises(DataError, match="choose another store"):
        Journal(path, {}).add({"agent_pos": np.zeros(4, np.float32)})
    journal = filled(path, 1)
    with pytest.raises(DataError, match="NaN"):
        journal.add({**row(1), "agent_pos": np.full(3, np.nan, np.float32)})
    assert journal.n_steps == 1


def test_hostile_journals_are_resumed_or_refused_in_one_line_and_stay(tmp_path: Path, attack: Any) -> None:
    path = tmp_path / "demos.zarr"
    unfinished = filled(path, 3).unfinished
    files = {one: one.read_bytes() for one in sorted(unfinished.rglob("*")) if one.is_file() and one.name != ".lock"}

    def resume() -> None:
        journal = Journal(path, {})
        assert journal.n_steps >= 0
        assert journal.n_episodes == 0

    for number in range(1000):
        one = attack.rng.choice(sorted(files) if number % 2 else [unfinished / ".zattrs"])
        one.write_bytes(attack.of(one.name, files[one]))
        attack.outcome(unfinished, resume)
        assert one.exists(), "nothing is deleted"
        one.write_bytes(files[one])
    assert Journal(path, {}).n_steps == 3
    attack.report("journals of a recording")


def test_a_journal_that_is_a_link_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "other.zarr", 2)
    (tmp_path / "demos.unfinished.zarr").symlink_to(tmp_path / "other.unfinished.zarr")
    with pytest.raises(DataError, match=r"demos\.unfinished\.zarr: .*it is a link.*; move it away"):
        Journal(tmp_path / "demos.zarr", {})
    assert (tmp_path / "other.unfinished.zarr").exists()
