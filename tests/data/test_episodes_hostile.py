"""Episode stores that are damaged or made to harm."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.data.episodes import EpisodeStore
from dpbench.data.plausible import check_values, spec_of
from dpbench.errors import DataError
from dpbench.tasks import load_task

TASK = load_task("dpbench/BlockPush-v0")
ARRAYS = {"action": ((2,), "float32"), "agent_pos": ((2,), "float32"), "environment_state": ((14,), "float32")}


def valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Name -> content of the files of a store of three episodes in small chunks."""
    monkeypatch.setattr("dpbench.data.episodes.CHUNK_BYTES", 64)
    rng, store = np.random.default_rng(0), EpisodeStore.create(path, ARRAYS, {"source": "test"})
    for number in range(3):
        limits = {"action": 0.03}
        episode = {
            name: rng.uniform(0.01, limits.get(name, 0.6), (3, *shape)).astype(dtype)
            for name, (shape, dtype) in ARRAYS.items()
        }
        store.append(episode, start_seed=number, attempt=0, durable=False)
    files = (one for one in sorted(path.rglob("*")) if one.is_file() and one.name != ".lock")
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


def take(path: Path) -> None:
    """What training reads."""
    store = EpisodeStore.open(path)
    for key, array in TASK.store_arrays.items():
        check_values(store.read(array), spec_of(TASK, key), f"{path}: array {array!r}", TASK)
    assert len(store.start_seeds) == len(store.attempts) == store.n_episodes
    assert store.episode_ends.dtype == np.int64
    store.fingerprint()


def test_damaged_and_hostile_stores_are_taken_or_refused_in_one_line(
    tmp_path: Path, attack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "attack.zarr"
    files = valid(path, monkeypatch)
    for _ in range(1100):
        name = attack.rng.choice(sorted(files))
        if attack.rng.random() < 0.05:
            (path / name).unlink()
        else:
            (path / name).write_bytes(attack.of(name, files[name]))
        attack.outcome(path, lambda: take(path))
        (path / name).write_bytes(files[name])
    take(path)
    attack.report("episode stores")


@pytest.mark.parametrize(
    ("array", "change", "message"),
    [
        ("data/action", {"compressor": {"id": "pickle"}}, r"compressor is \{'id': 'pickle'\}, expected null or one of"),
        ("data/action", {"filters": [{"id": "pickle"}]}, "filters is .*expected none"),
        ("data/action", {"compressor": {"id": "zlib"}}, "is compressed; import it"),
        ("data/action", {"dtype": "|O"}, "dtype is '|O', expected bool, integer or float"),
        ("data/action", {"dtype": "<f8"}, "missing or truncated"),
        ("data/action", {"chunks": [8, 1]}, "cut along the first axis alone"),
        ("data/action", {"chunks": [4, 2]}, "missing or truncated"),
        ("data/action", {"shape": [8, 2]}, "shape counts 8 rows, expected 9"),
        ("data/action", {"shape": [-9, 2]}, "shape is .*expected whole numbers from 0"),
        ("data/action", {"order": "A"}, "order is 'A', expected 'C' or 'F'"),
        ("meta/episode_ends", {"shape": [10**9]}, "missing or truncated"),
        ("meta/episode_ends", {"shape": [10**11]}, "missing or truncated|CHUNK_COUNT_LIMIT"),
        ("meta/episode_ends", {"dtype": "<f8"}, "expected whole numbers"),
        ("meta/start_seed", {"shape": [3, 2], "chunks": [1024, 2]}, "expected whole numbers of shape"),
    ],
)
def test_a_damaged_description_names_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: str, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "attack.zarr"
    described = json.loads(valid(path, monkeypatch)[f"{array}/.zarray"])
    (path / array / ".zarray").write_text(json.dumps({**described, **change}))
    with pytest.raises(DataError, match=message) as caught:
        take(path)
    assert str(path / array) in str(caught.value)


@pytest.mark.parametrize("name", [".zattrs", "meta/episode_ends/.zarray", "data/action/.zarray"])
@pytest.mark.parametrize("device", [None, "/dev/zero"])
def test_devices_and_pipes_are_not_read(tmp_path: Path, name: str, device: str | None) -> None:
    path = tmp_path / "a.zarr"
    EpisodeStore.create(path, {"action": ((2,), "float32")})
    (path / name).unlink()
    if device is None:
        os.mkfifo(path / name)
    else:
        (path / name).symlink_to(device)
    with pytest.raises(DataError):
        EpisodeStore.open(path)


def test_an_episode_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "a.zarr"
    victim.write_text("kept")
    store = EpisodeStore.create(path, {"action": ((2,), "float32")})
    (path / "data" / "action" / "0.0").symlink_to(victim)
    with pytest.raises(DataError, match="is a link"):
        store.append({"action": np.zeros((3, 2), np.float32)})
    assert victim.read_text() == "kept"


@pytest.mark.parametrize("kind", ["file", "loop", "empty", "array is a file", "array loops", "array is empty"])
def test_an_array_that_cannot_be_read_is_named_and_not_passed_over(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    EpisodeStore.create(path, ARRAYS)
    data = path / "data"
    if not kind.startswith("array"):
        shutil.rmtree(data)
    at = data / "more" if kind.startswith("array") else data
    if "file" in kind:
        at.write_text("text")
    elif "loop" in kind:
        at.symlink_to(at.name)
    else:
        at.mkdir()
    with pytest.raises(DataError, match=at.name) as caught:
        EpisodeStore.open(path)
    assert str(caught.value).isprintable()
