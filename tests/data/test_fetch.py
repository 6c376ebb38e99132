"""Fetching: content is checked, downloads resume, and a bad archive leaves everything as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import zarr

from dpbench.cli import main
from dpbench.data import fetch as fetching
from dpbench.data.episodes import EpisodeStore
from dpbench.data.fetch import download, fetch, find_dataset
from dpbench.data.public import DatasetSpec
from dpbench.errors import DataError
from dpbench.tasks import load_task

TASK = load_task("dpbench/PushT-v0")
LENGTHS = (5, 8, 3)
N_STEPS = sum(LENGTHS)


def arrays(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return {
        "action": rng.uniform(0, 512, (N_STEPS, 2)).astype(np.float32),
        "state": rng.uniform(0, 6, (N_STEPS, 5)).astype(np.float32),
        "keypoint": rng.uniform(0, 512, (N_STEPS, 9, 2)).astype(np.float32),
        "img": rng.integers(0, 256, (N_STEPS, 96, 96, 3)).astype(np.float32),
    }


def write_archive(path: Path, values: dict[str, np.ndarray[Any, Any]], lengths: tuple[int, ...] = LENGTHS) -> Path:
    """A zip in the layout of the published one: compressed zarr format 2 below two folders."""
    folder = path.with_suffix("") / "pusht" / "replay.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    for name, value in values.items():
        group.create_array(f"data/{name}", data=value, chunks=(4, *value.shape[1:]))
    group.create_array("meta/episode_ends", data=np.cumsum(lengths).astype(np.int64))
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(path.with_suffix("").rglob("*")):
            if member.is_file():
                file.write(member, member.relative_to(path.with_suffix("")))
    shutil.rmtree(path.with_suffix(""))
    return path


def dataset(values: dict[str, np.ndarray[Any, Any]]) -> DatasetSpec:
    sums = {f"data/{name}": hashlib.sha256(value.tobytes()).hexdigest() for name, value in values.items()}
    ends = np.cumsum(LENGTHS).astype(np.int64)
    sums["meta/episode_ends"] = hashlib.sha256(ends.tobytes()).hexdigest()
    known, _ = find_dataset("pusht")
    return replace(known, array_sha256=sums, n_episodes=len(LENGTHS), n_steps=N_STEPS)


def test_an_archive_becomes_a_store(tmp_path: Path) -> None:
    values = arrays()
    archive = write_archive(tmp_path / "pusht.zip", values)
    store, built = fetch(dataset(values), TASK, tmp_path / "root", str(archive))
    assert built
    assert store.episode_ends.tolist() == np.cumsum(LENGTHS).tolist()
    assert np.array_equal(store.read("keypoints"), values["keypoint"].reshape(-1, 18))
    assert np.array_equal(store.read("block_pose"), values["state"][:, 2:])
    assert np.array_equal(store.read("pixels.top"), values["img"].astype(np.uint8))
    again, built = fetch(dataset(values), TASK, tmp_path / "root")
    assert not built
    assert again.fingerprint() == store.fingerprint()


def test_an_archive_in_the_data_root_or_a_folder_is_used(tmp_path: Path) -> None:
    values = arrays()
    write_archive(tmp_path / "pusht.zip", values)
    assert fetch(dataset(values), TASK, tmp_path)[1]
    assert fetch(dataset(values), TASK, tmp_path / "other", str(tmp_path))[1]


def broken(kind: str, path: Path) -> Path:
    values = arrays()
    if kind == "truncated":
        path.write_bytes(write_archive(path, values).read_bytes()[:-2000])
    elif kind == "no zip":
        path.write_text("<html>not found</html>")
    elif kind == "renamed":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("readme.txt", "something else")
    elif kind == "other values":
        values["action"][3] += 1
        write_archive(path, values)
    elif kind == "wrong shape":
        values["state"] = values["state"][:, :4]
        values["img"] = values["img"][:, :48]
        write_archive(path, values)
    elif kind == "array missing":
        del values["keypoint"]
        write_archive(path, values)
    elif kind == "other length":
        write_archive(path, {name: value[:-3] for name, value in values.items()}, LENGTHS[:-1])
    elif kind == "damaged block":
        content = bytearray(write_archive(path, values).read_bytes())
        content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "not a complete zip archive|broken|damaged"),
        ("no zip", "not a complete zip archive"),
        ("renamed", "not a diffusion_policy archive"),
        ("other values", "the values of data/action are not the published ones"),
        ("wrong shape", "holds steps of shape|not the published ones"),
        ("array missing", "lacks the arrays data/keypoint"),
        ("other length", "another data set"),
        ("damaged block", "damaged|broken|not a complete zip"),
    ],
)
def test_a_bad_archive_is_one_error_and_nothing_is_left_behind(tmp_path: Path, kind: str, message: str) -> None:
    root = tmp_path / "root"
    with pytest.raises(DataError, match=message):
        fetch(dataset(arrays()), TASK, root, str(broken(kind, tmp_path / "bad.zip")))
    assert not root.exists() or list(root.iterdir()) == []


def test_an_older_store_stays_as_it_was(tmp_path: Path) -> None:
    values = arrays()
    store, _ = fetch(dataset(values), TASK, tmp_path, str(write_archive(tmp_path / "good.zip", values)))
    before = store.fingerprint()
    with pytest.raises(DataError, match="has other data"):
        fetch(dataset(arrays(seed=1)), TASK, tmp_path, str(tmp_path / "good.zip"))
    assert EpisodeStore.open(store.path).fingerprint() == before


class Server(BaseHTTPRequestHandler):
    """Serves bytes, understands Range, and can break off in the middle."""

    content: ClassVar[bytes] = bytes(range(256)) * 2000
    break_after: ClassVar[int | None] = None
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        Server.ranges.append(self.headers.get("Range"))
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].rstrip("-"))
        body = Server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: Server.break_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Server.ranges, Server.break_after = [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/pusht.zip"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_broken_download_goes_on_where_it_was(tmp_path: Path, address: str) -> None:
    Server.break_after = 100_000
    with pytest.raises(DataError, match=r"ended after 100000 of 512000 bytes|repeat the command to resume"):
        download(address, tmp_path / "pusht.zip", 512_000)
    assert not (tmp_path / "pusht.zip").exists()
    Server.break_after = None
    download(address, tmp_path / "pusht.zip", 512_000)
    assert (tmp_path / "pusht.zip").read_bytes() == Server.content
    assert Server.ranges == [None, "bytes=100000-"]
    assert not (tmp_path / "pusht.zip.part").exists()


def test_without_a_network_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 1)
    with pytest.raises(DataError, match=r"cannot be reached .*--from"):
        download("http://127.0.0.1:9/pusht.zip", tmp_path / "pusht.zip", 1)


def test_the_command_reports_errors_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "pushed", "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: unknown data set 'pushed'; known are pusht")
    assert main(["data", "fetch", "pusht", "--from", "nowhere.zip", "--data-dir", str(tmp_path)]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_info_prints_counts_ranges_and_draws_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = arrays()
    fetch(dataset(values), TASK, tmp_path, str(write_archive(tmp_path / "good.zip", values)))
    picture = tmp_path / "pusht.png"
    assert main(["data", "info", "pusht", "--data-dir", str(tmp_path), "--picture", str(picture), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["episodes"], described["steps"]) == (3, N_STEPS)
    assert described["arrays"]["action"]["max"] == pytest.approx(float(values["action"].max()))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["data", "info", str(tmp_path / "pusht.zarr")]) == 0
    assert "3 episodes" in capsys.readouterr().out
