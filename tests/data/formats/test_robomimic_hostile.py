"""robomimic's hdf5 files, damaged or made to harm.

The HDF5 library does not end on some damaged files, so they are opened in processes that an alarm ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.data.formats import hdf5_probe
from dpbench.data.formats.robomimic_hdf5 import read
from dpbench.errors import DataError

h5py = pytest.importorskip("h5py")

WORKER = """
import pathlib, resource, signal, sys
import numpy as np
from dpbench.data.formats.robomimic_hdf5 import open_archive
from dpbench.data.importing import converted
from dpbench.errors import DpbenchError

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(pathlib.Path, sys.argv[1:]):
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        archive = open_archive(path)
        for _ in converted(archive, np.arange(len(archive.episode_ends)), lambda arrays, _: dict(arrays), path):
            pass
        print("taken", flush=True)
    except DpbenchError as error:
        message = str(error)
        right = "\\n" not in message and path.name in message and ";" in message and message.endswith(".")
        print("refused" if right else f"wrong line: {message}", flush=True)
    except Exception as error:
        print(f"wrong error: {error!r}", flush=True)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > 400_000:
        print(f"memory: {grown} kB for {path}", flush=True)
        break
"""


def write(path: Path, **storage: Any) -> bytes:
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for number in range(2):
            demo = file.create_group(f"data/demo_{number}")
            demo.attrs.update({"num_samples": 3 + number, "model_file": "<mujoco/>"})
            for name, width in (("actions", 2), ("obs/object", 3)):
                demo.create_dataset(name, data=rng.normal(size=(3 + number, width)), **storage)
        file["data"].attrs["env_args"] = '{"env_name": "Lift", "env_kwargs": {}}'
        file["mask/train"] = np.array([b"demo_0"])
    return path.read_bytes()


def outcomes(paths: list[Path]) -> list[str]:
    """One word a file; a file at which a process ends is `stopped`."""
    found: list[str] = []
    while len(found) < len(paths):
        rest = [str(path) for path in paths[len(found) :]]
        done = subprocess.run([sys.executable, "-c", WORKER, *rest], capture_output=True, text=True, check=False)
        found += done.stdout.splitlines()
        if done.returncode < 0:
            found.append("stopped")
        else:
            assert done.returncode == 0, done.stderr
    return found


def test_damaged_and_hostile_files_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    valid = [
        write(tmp_path / "valid.hdf5"),
        write(tmp_path / "valid.hdf5", compression="gzip", shuffle=True, chunks=(2, 2)),
    ]
    paths = [tmp_path / f"attack-{number}.hdf5" for number in range(1000)]
    for path in paths:
        path.write_bytes(attack.bytes_of(attack.rng.choice(valid)))
    counts = Counter(outcomes(paths))
    print(f"robomimic's files: {counts.total()} inputs, {dict(counts)}")
    assert counts.total() == 1000
    assert set(counts) <= {"taken", "refused", "stopped"}
    assert min(counts["taken"], counts["refused"]) > 100
    assert counts["stopped"] < 20


@pytest.mark.parametrize(
    ("code", "message"),
    [("while True: pass", "was not through in 1 s"), ("import os; os.abort()", "ended by signal 6")],
)
def test_a_file_on_which_hdf5_does_not_end_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    write(tmp_path / "a.hdf5")
    monkeypatch.setattr(hdf5_probe, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(hdf5_probe, "_CODE", code)
    with pytest.raises(DataError, match=rf"a\.hdf5 is damaged \(HDF5 {message}"):
        read(tmp_path / "a.hdf5")


def external_link(file: Any) -> None:
    file["data/demo_2"] = h5py.ExternalLink("other.hdf5", "/data/demo_0")


def soft_link(file: Any) -> None:
    del file["data/demo_1/obs/object"]
    file["data/demo_1/obs/object"] = h5py.SoftLink("/data/demo_0/obs/object")


def external_storage(file: Any) -> None:
    del file["data/demo_1/actions"]
    file.create_dataset("data/demo_1/actions", (4, 2), "f8", external=[("/etc/hostname", 0, 64)])


def virtual(file: Any) -> None:
    del file["data/demo_1/actions"]
    layout = h5py.VirtualLayout((4, 2), "f8")
    layout[:] = h5py.VirtualSource("other.hdf5", "x", (4, 2))
    file.create_virtual_dataset("data/demo_1/actions", layout)


def declared_only(file: Any) -> None:
    del file["data/demo_1/actions"]
    file.create_dataset("data/demo_1/actions", (10**8, 2), "f8")
    file["data/demo_1"].attrs["num_samples"] = 10**8


def huge(file: Any) -> None:
    del file["data/demo_1/actions"]
    file.create_dataset("data/demo_1/actions", (10**12, 2), "f8", chunks=(2, 2))


def bomb(file: Any) -> None:
    import zlib

    del file["data/demo_1/actions"]
    actions = file.create_dataset("data/demo_1/actions", (4, 2), "f8", chunks=(4, 2), compression="gzip")
    actions.id.write_direct_chunk((0, 0), zlib.compress(bytes(4_000_000), 9))


def objects(file: Any) -> None:
    del file["data/demo_1/actions"]
    file.create_dataset("data/demo_1/actions", data=["x"] * 4)


def complex_numbers(file: Any) -> None:
    del file["data/demo_1/actions"]
    file["data/demo_1/actions"] = np.zeros((4, 2), complex)


def samples(file: Any) -> None:
    file["data/demo_1"].attrs["num_samples"] = 9


def other_name(file: Any) -> None:
    file.move("data/demo_1", "data/episode_1")


def names_elsewhere(file: Any) -> None:
    del file["mask/train"]
    file.create_dataset("mask/train", (1,), "S6", external=[("/etc/hostname", 0, 6)])


def wide_names(file: Any) -> None:
    del file["mask/train"]
    file.create_dataset("mask/train", (2,), "S100000000", chunks=(1,))


def repeated_names(file: Any) -> None:
    del file["mask/train"]
    file["mask/train"] = np.array([b"demo_0"] * 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (names_elsewhere, "mask/train keeps its values in another file"),
        (wide_names, "mask/train lacks some of its 2 chunks"),
        (repeated_names, "filter 'train' is no list of names"),
        (external_link, "demo_2 is a link to another place"),
        (soft_link, "obs/object is a link to another place"),
        (external_storage, "keeps its values in another file"),
        (virtual, "keeps its values in another file"),
        (declared_only, "its values are not stored"),
        (huge, "READ_LIMIT_BYTES"),
        (bomb, "does not inflate to its 64 bytes"),
        (objects, "holds no numbers"),
        (complex_numbers, "holds no numbers"),
        (samples, "num_samples is .*9"),
        (other_name, "data/'episode_1' is no demo"),
    ],
)
def test_files_that_point_elsewhere_or_declare_too_much_are_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "a.hdf5"
    write(path)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(DataError, match=rf"a\.hdf5.*{message}"):
        read(path).arrays["data/actions"][0:7]


def test_augmented_demos_are_read_after_the_demo_of_their_number(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    write(path)
    with h5py.File(path, "a") as file:
        file.move("data/demo_1", "data/demo_2_aug")
        file.copy("data/demo_0", "data/demo_10")
        file.copy("data/demo_0", "data/demo_2")
        wanted = [file[f"data/{name}/actions"][()] for name in ("demo_0", "demo_2", "demo_2_aug", "demo_10")]
    archive = read(path)
    assert archive.episode_ends.tolist() == [3, 6, 10, 13]
    assert np.array_equal(archive.arrays["data/actions"][0:13], np.concatenate(wanted))
