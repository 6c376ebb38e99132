"""The episode store: equal to a model in memory, readable by plain zarr, consistent after any crash."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpbench.data import episodes, raw_array
from dpbench.data.episodes import EpisodeStore, open_store, open_task_data
from dpbench.data.raw_array import RawArray
from dpbench.data.root import data_root
from dpbench.errors import BusyError, ConfigError, DataError
from dpbench.tasks import load_task

ARRAYS = {"action": ((2,), "float32"), "pixels.top": ((4, 5, 3), "uint8")}


def episode(length: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "action": rng.normal(size=(length, 2)).astype(np.float32),
        "pixels.top": rng.integers(0, 256, size=(length, 4, 5, 3), dtype=np.uint8),
    }


def make(folder: Path, lengths: list[int]) -> tuple[EpisodeStore, list[dict[str, Any]]]:
    store = EpisodeStore.create(folder / "demos.zarr", ARRAYS, {"source": "test"})
    episodes = [episode(length, seed) for seed, length in enumerate(lengths)]
    for one in episodes:
        store.append(one)
    return store, episodes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6), rows=st.integers(1, 7), data=st.data())
def test_equal_to_a_model_in_memory(
    lengths: list[int], rows: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:  # small chunks, so that episodes straddle them
        patch.setattr("dpbench.data.episodes.CHUNK_BYTES", rows * 60)
        store, episodes = make(tmp_path_factory.mktemp("store"), lengths)
    reopened = EpisodeStore.open(store.path)
    assert reopened.episode_ends.tolist() == np.cumsum(lengths).tolist()
    for key in ARRAYS:
        whole = np.concatenate([one[key] for one in episodes])
        assert np.array_equal(reopened.read(key), whole)
        indices = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=12))).reshape(1, -1)
        assert np.array_equal(reopened.gather(key, indices), whole[indices])


def test_plain_zarr_reads_it_in_the_published_layout(tmp_path: Path) -> None:
    store, episodes = make(tmp_path, [3, 5])
    group: Any = zarr.open_group(store.path, mode="r")
    assert np.array_equal(group["meta/episode_ends"][:], [3, 8])
    assert np.array_equal(group["data/action"][:], np.concatenate([one["action"] for one in episodes]))
    assert group.attrs["source"] == "test"


def test_start_seeds_stay_with_their_episodes(tmp_path: Path) -> None:
    store, _ = make(tmp_path, [3])
    assert (store.start_seeds.tolist(), store.attempts.tolist()) == ([-1], [-1])
    before = store.fingerprint()
    store.append(episode(2), start_seed=1_000_007, attempt=1)
    store.append(episode(4))
    store.append(episode(1), start_seed=9, attempt=0)
    reopened = EpisodeStore.open(store.path)
    assert reopened.start_seeds.tolist() == [-1, 1_000_007, -1, 9]
    assert reopened.attempts.tolist() == [-1, 1, -1, 0]
    group: Any = zarr.open_group(store.path, mode="r")
    assert group["meta/start_seed"][:].tolist() == [-1, 1_000_007, -1, 9]
    assert before == make(tmp_path / "again", [3])[0].fingerprint(), "the fingerprint is that of the steps"


def test_a_start_seed_that_was_not_committed_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = make(tmp_path, [3])
    ends = raw_array.describe

    def full(folder: Path, *rest: Any) -> None:
        if folder.name == "episode_ends":
            raise OSError(errno.ENOSPC, "No space left on device")
        ends(folder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(raw_array, "describe", full)
        with pytest.raises(DataError, match="not saved"):
            store.append(episode(2), start_seed=7, attempt=2)
    reopened = EpisodeStore.open(store.path)
    assert reopened.start_seeds.tolist() == [-1]
    reopened.append(episode(2))
    reopened.append(episode(2), start_seed=8, attempt=0)
    assert EpisodeStore.open(store.path).start_seeds.tolist() == [-1, -1, 8]


def test_a_store_whose_making_was_killed_can_be_made_again(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from dpbench.data.episodes import EpisodeStore

path, calls, replace = Path(sys.argv[1]) / "demos.zarr", 0, os.replace

def killed_at(number):
    def one_more(*arguments):
        global calls
        calls += 1
        if calls > number:
            os._exit(9)
        replace(*arguments)
    os.replace = one_more
    EpisodeStore.create(path, {"action": ((2,), "float32")})
    os._exit(0)

for number in range(100):
    child = os.fork()
    if child == 0:
        killed_at(number)
    if os.waitpid(child, 0)[1] == 0:
        break
    assert not path.exists(), number
store = EpisodeStore.open(path)
assert store.n_episodes == 0
print(number, sorted(item.name for item in path.parent.iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    kills, left = done.stdout.split(maxsplit=1)
    assert int(kills) > 3
    assert left == "['demos.zarr']\n"


def test_fingerprint_depends_on_every_value_and_on_the_ends(tmp_path: Path) -> None:
    first, _ = make(tmp_path / "a", [3, 5])
    same, _ = make(tmp_path / "b", [3, 5])
    other = EpisodeStore.create(tmp_path / "c.zarr", ARRAYS)
    joined = {key: np.concatenate([episode(3, 0)[key], episode(5, 1)[key]]) for key in ARRAYS}
    other.append(joined)
    assert first.fingerprint() == same.fingerprint() != other.fingerprint()
    assert first.fingerprint(["action"]) != first.fingerprint()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": np.zeros((3, 3), np.float32)}, r"steps have shape \(3,\), expected \(2,\)"),
        ({"action": np.full((3, 2), np.nan, np.float32)}, "'action' holds NaN"),
        ({"action": np.zeros((4, 2), np.float32)}, "one length of at least 1"),
        ({"extra": np.zeros((3, 1))}, "got .*'extra'"),
    ],
)
def test_bad_episodes_are_named_and_leave_the_store_as_it_was(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    store, _ = make(tmp_path, [3])
    before = store.fingerprint()
    with pytest.raises(DataError, match=message):
        store.append({**episode(3), **change})
    assert EpisodeStore.open(store.path).fingerprint() == before


def test_an_empty_episode_is_refused(tmp_path: Path) -> None:
    store, _ = make(tmp_path, [3])
    with pytest.raises(DataError, match="at least 1"):
        store.append(episode(0))


@pytest.mark.parametrize("failing_call", range(6))
def test_a_full_disk_at_any_moment_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    store, _ = make(tmp_path, [3, 4])
    before, calls = store.fingerprint(), []
    real = os.fsync

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > failing_call:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(raw_array.os, "fsync", full)
        with pytest.raises(DataError, match=r"not saved .*No space left"):
            store.append(episode(5, seed=9))
    reopened = EpisodeStore.open(store.path)
    assert reopened.fingerprint() == before
    reopened.append(episode(6, seed=8))
    assert np.array_equal(EpisodeStore.open(store.path).read("action", 7), episode(6, seed=8)["action"])


def test_a_killed_writer_leaves_whole_episodes(tmp_path: Path) -> None:
    path = tmp_path / "demos.zarr"
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom dpbench.data.episodes import EpisodeStore\n"
        "store = EpisodeStore.create(Path(sys.argv[1]), {'action': ((2,), 'float32')})\n"
        "print('ready', flush=True)\n"
        "for number in range(10**6): store.append({'action': np.full((7, 2), number, np.float32)})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = EpisodeStore.open(path)
    assert store.n_episodes > 0
    expected = np.repeat(np.arange(store.n_episodes), 7)[:, None].repeat(2, axis=1)
    assert np.array_equal(store.read("action"), expected)
    store.append({"action": np.full((7, 2), -1, np.float32)})
    assert EpisodeStore.open(path).read("action")[-1].tolist() == [-1, -1]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_stores_of_the_zarr_library_give_its_values(tmp_path: Path, order: Any, shape: tuple[int, ...]) -> None:
    group = zarr.open_group(tmp_path / "demos.zarr", mode="w", zarr_format=2)
    pixels = np.concatenate([episode(3)["pixels.top"], episode(5)["pixels.top"]])
    group.create_array("data/pixels.top", data=pixels, chunks=(3, 4, 5, 3), compressors=None, order=order)
    group.create_array("data/fps", data=np.array(10))
    group.create_array("meta/episode_ends", data=np.array([3, 8]).reshape(shape), compressors=None)
    store = EpisodeStore.open(tmp_path / "demos.zarr")
    assert store.keys() == ("pixels.top",)
    assert store.episode_ends.tolist() == [3, 8]
    assert np.array_equal(store.read("pixels.top"), pixels)
    assert np.array_equal(store.gather("pixels.top", np.array([[7, 0]])), pixels[[[7, 0]]])
    if order == "F":
        with pytest.raises(DataError, match="order is not C"):
            store.append({"pixels.top": pixels[:2]})
    else:
        store.append({"pixels.top": pixels[:2]})
        reopened = EpisodeStore.open(store.path)
        assert reopened.episode_ends.tolist() == [3, 8, 10]
        assert np.array_equal(reopened.read("pixels.top", 8), pixels[:2])


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    store, _ = make(tmp_path, [3])
    with FileLock(store.path.with_name(f".{store.path.name}.lock")):
        reader = EpisodeStore.open(store.path)
        with pytest.raises(BusyError, match="written by another process"):
            reader.append(episode(2))
        with pytest.raises(BusyError, match="written by another process"):
            EpisodeStore.create(store.path, ARRAYS)
    assert reader.n_episodes == 1
    reader.append(episode(2))


def test_a_store_that_grows_while_it_is_opened_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = make(tmp_path, [3])
    read, n_read = episodes.RawArray, 0

    def read_while_another_writes(folder: Path) -> RawArray:
        nonlocal n_read
        array, n_read = read(folder), n_read + 1
        if n_read <= len(ARRAYS):
            with monkeypatch.context() as undone:
                undone.setattr(episodes, "RawArray", read)
                EpisodeStore.open(store.path).append(episode(4))
        return array

    monkeypatch.setattr(episodes, "RawArray", read_while_another_writes)
    opened = EpisodeStore.open(store.path)
    assert opened.episode_ends.tolist() == [3]
    assert len(opened.read("action")) == 3


def test_missing_and_damaged_stores_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not an episode store"):
        EpisodeStore.open(tmp_path / "nothing.zarr")
    store, _ = make(tmp_path, [3])
    with pytest.raises(DataError, match="holds a store or other files already"):
        EpisodeStore.create(store.path, ARRAYS)
    chunk = store.path / "data/action/0.0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    with pytest.raises(DataError, match="missing or truncated"):
        EpisodeStore.open(store.path).read("action")
    (store.path / "data/action/.zarray").write_text("{")
    with pytest.raises(DataError, match=r"action/\.zarray is not JSON"):
        EpisodeStore.open(store.path)


def test_the_data_root_is_the_argument_then_the_environment_then_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPBENCH_DATA", "/somewhere")
    assert data_root("here") == Path("here")
    assert data_root() == Path("/somewhere")
    monkeypatch.delenv("DPBENCH_DATA")
    assert data_root() == Path("data")


def test_missing_demonstrations_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="get them with: dpbench data fetch pusht"):
        open_task_data(load_task("dpbench/PushT-v0"), str(tmp_path))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("uint8", np.full((3, 2), 0.5)),
        ("uint8", np.full((3, 2), 300)),
        ("uint8", np.full((3, 2), -1)),
        ("int64", np.full((3, 2), np.nan)),
        ("float32", np.full((3, 2), 1 + 2j)),
        ("float32", np.full((3, 2), "1.5")),
    ],
)
def test_values_that_a_type_cannot_hold_are_refused(tmp_path: Path, dtype: str, values: np.ndarray[Any, Any]) -> None:
    store = EpisodeStore.create(tmp_path / "own.zarr", {"x": ((2,), dtype)})
    with pytest.raises(DataError, match=f"array 'x'.*do not fit into {dtype}"):
        store.append({"x": values})
    assert EpisodeStore.open(tmp_path / "own.zarr").n_episodes == 0


@pytest.mark.parametrize("seed", [-5, 1.5, 2**63])
def test_a_start_seed_is_a_whole_number(tmp_path: Path, seed: Any) -> None:
    store = EpisodeStore.create(tmp_path / "own.zarr", {"x": ((2,), "float32")})
    with pytest.raises(ConfigError, match="start_seed"):
        store.append({"x": np.zeros((3, 2), np.float32)}, start_seed=seed)
    assert store.n_episodes == 0


def test_a_store_without_attributes_is_read(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "own.zarr", {"x": ((2,), "float32")})
    store.append({"x": np.ones((3, 2), np.float32)})
    (tmp_path / "own.zarr/.zattrs").unlink()  # the zarr library writes none where there are none
    opened = EpisodeStore.open(tmp_path / "own.zarr")
    assert opened.attributes == {}
    assert np.array_equal(opened.read("x"), np.ones((3, 2)))


@pytest.mark.parametrize("ending", ["later.zarr", "later"])
def test_a_path_that_is_not_there_yet_is_named_as_it_was_typed(tmp_path: Path, ending: str) -> None:
    with pytest.raises(DataError) as refused:
        open_store(str(tmp_path / ending))
    assert str(refused.value).startswith(f"{tmp_path / ending} is not")
