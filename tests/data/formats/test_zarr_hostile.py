"""Zarr archives, zipped and unpacked, that are damaged or made to harm."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from dpbench.data.formats.diffusion_policy_zarr import read
from dpbench.errors import DataError
from dpbench.tasks import load_task

from ...attack import import_demonstrations

TASK = load_task("dpbench/BlockPush-v0")
PICKLE = {"id": "pickle", "protocol": 4}


def valid(folder: Path) -> dict[str, bytes]:
    """Name -> content of the files of a small archive."""
    rng, group = np.random.default_rng(0), zarr.open_group(folder, mode="w", zarr_format=2)
    group.create_array("data/obs", data=rng.uniform(0.1, 0.6, (8, 16)).astype(np.float32), chunks=(3, 16))
    group.create_array("data/action", data=rng.uniform(-0.03, 0.03, (8, 2)), chunks=(5, 2), compressors=None)
    group.create_array("meta/episode_ends", data=np.array([3, 8]))
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def pack(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, one in files.items():
            file.writestr(f"replay.zarr/{name}", one)
    return content.getvalue()


def take(path: Path) -> None:
    import_demonstrations(read, path, TASK)


def test_damaged_and_hostile_zip_files_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    files, path = valid(tmp_path / "valid"), tmp_path / "attack.zip"
    for _ in range(1100):
        if attack.rng.random() < 0.4:
            content = attack.bytes_of(pack(files))
        else:
            name = attack.rng.choice(sorted(files))
            content = pack({**files, name: attack.of(name, files[name])}, attack.rng.choice((0, 8)))
        path.write_bytes(content)
        attack.outcome(path, lambda: take(path))
    attack.report("zarr zip archives")


def test_damaged_and_hostile_folders_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    folder = tmp_path / "attack.zarr"
    files = valid(folder)
    for _ in range(1100):
        name = attack.rng.choice(sorted(files))
        if attack.rng.random() < 0.05:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(attack.of(name, files[name]))
        attack.outcome(folder, lambda: take(folder))
        (folder / name).write_bytes(files[name])
    take(folder)
    attack.report("zarr folders")


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


@pytest.mark.parametrize("field", ["compressor", "filters"])
def test_a_pickle_runs_no_code(tmp_path: Path, field: str) -> None:
    files, canary = valid(tmp_path / "valid"), tmp_path / "canary"
    for array, dtype in (("data/action", "|O"), ("data/action", "<f8"), ("meta/episode_ends", "<i8")):
        described = json.loads(files[f"{array}/.zarray"])
        described |= {"dtype": dtype, field: PICKLE if field == "compressor" else [PICKLE]}
        chunk = "0.0" if array == "data/action" else "0"
        changed = {
            f"{array}/.zarray": json.dumps(described).encode(),
            f"{array}/{chunk}": pickle.dumps(Canary(str(canary))),
        }
        (tmp_path / "a.zip").write_bytes(pack({**files, **changed}))
        with pytest.raises(DataError, match=rf"a\.zip: {array}/\.zarray: (dtype|{field}) is .*expected"):
            take(tmp_path / "a.zip")
        assert not canary.exists()
    pickle.loads(pickle.dumps(Canary(str(canary)))).close()
    assert canary.exists(), "the canary works"


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "C:\\x", "..\\x", "\\\\host\\x"])
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(pack(valid(tmp_path / "valid")))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, b"")
    with pytest.raises(DataError, match="outside its folder"):
        read(path)


def zip_bomb(files: dict[str, bytes]) -> bytes:
    """A chunk that declares its honest size and inflates to 100 MB."""
    honest = files["data/action/0.0"]
    content = pack({**files, "data/action/0.0": bytes(100_000_000)})
    lie = struct.pack("<I", len(honest)), struct.pack("<I", 100_000_000)
    return content.replace(lie[1], lie[0])


def test_bombs_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    import tracemalloc

    files, path = valid(tmp_path / "valid"), tmp_path / "a.zip"
    described = json.loads(files["data/action/.zarray"])
    large = json.dumps({**described, "chunks": [400_000_000, 2]}).encode()
    many = json.dumps({**described, "shape": [8, 10**9], "chunks": [5, 1]}).encode()
    long = json.dumps({**described, "shape": [8, 10**9], "chunks": [5, 10**7]}).encode()
    deflated = json.dumps({**described, "compressor": {"id": "zlib", "level": 1}}).encode()
    attacks = {
        "CHUNK_LIMIT_BYTES": pack({**files, "data/action/.zarray": large}),
        "CHUNK_COUNT_LIMIT": pack({**files, "data/action/.zarray": many}),
        "READ_LIMIT_BYTES": pack({**files, "data/action/.zarray": long}),
        "declares 100,000,000 bytes, expected at most": pack({**files, "data/action/0.0": bytes(100_000_000)}),
        "Bad CRC-32|declares": zip_bomb(files),
        "holds more than 80 bytes": pack(
            {**files, "data/action/.zarray": deflated, "data/action/0.0": zlib.compress(bytes(2_000_000), 9)[:4000]}
        ),
    }
    for message, content in attacks.items():
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError, match=message):
            take(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()
