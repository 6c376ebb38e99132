"""BeT's three arrays, damaged or made to harm."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.data.formats.bet_npy import read
from dpbench.errors import DataError
from dpbench.tasks import load_task

from ...attack import import_demonstrations

TASK = load_task("dpbench/BlockPush-v0")
SHAPES = (
    "(2, 5, 2)",
    "(2, 5)",
    "(-2, 5, -2)",
    "(-1,)",
    "(2, 5, 16)",
    "()",
    "(9999999999, 5, 2)",
    "(True, 5, 2)",
    "(2,) * 9",
)
DTYPES = ("<f8", ">f4", "|O", "<c16", "|S8", "<M8[s]", "<i8", "|b1", "<U2", "<f2", "|V8")


def saved(values: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, values, **options)
    return content.getvalue()


def valid() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    return {
        "push_observations.npy": saved(rng.uniform(0.1, 0.6, (2, 5, 16))),
        "push_actions.npy": saved(rng.uniform(-0.03, 0.03, (2, 5, 2))),
        "push_masks.npy": saved(np.array([[1.0, 1, 1, 0, 0], [1, 1, 1, 1, 1]])),
    }


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def take(folder: Path) -> None:
    import_demonstrations(read, folder, TASK)


def test_damaged_and_hostile_arrays_are_taken_or_refused_in_one_line(tmp_path: Path, attack: Any) -> None:
    files, folder, rng = valid(), tmp_path / "attack", attack.rng
    write(folder, files)
    for _ in range(1100):
        name, kind = rng.choice(sorted(files)), rng.randrange(4)
        content = files[name]
        if kind == 0:
            content = content.replace(
                content[content.index(b"(") : content.index(b")") + 1], rng.choice(SHAPES).encode()
            )
        elif kind == 1:
            content = content.replace(b"<f8", rng.choice(DTYPES).encode())
        elif kind == 2:
            content = attack.bytes_of(content[:128]) + content[128:]
        else:
            content = attack.bytes_of(content)
        (folder / name).write_bytes(content)
        attack.outcome(folder, lambda: take(folder))
        (folder / name).write_bytes(files[name])
    take(folder)
    attack.report("BeT's arrays")


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    objects = saved(np.array([Canary(str(canary))], dtype=object), allow_pickle=True)
    for content in (objects, pickle.dumps(Canary(str(canary)))):
        write(tmp_path / "attack", {**valid(), "push_actions.npy": content})
        with pytest.raises(DataError, match=r"push_actions\.npy is not a complete array of numbers"):
            take(tmp_path / "attack")
        assert not canary.exists()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("actions", np.zeros((2, 5, 5)), r"shape \(5,\).*expects \(2,\)|do not fit"),
        ("actions", np.zeros((2, 5, 2), complex), "complex128"),
        ("actions", np.full((2, 5, 2), 1e300), "NaN or infinite|far outside"),
        ("actions", np.full((2, 5, 2), np.nan), "NaN"),
        ("observations", np.full((2, 5, 16), 500.0), "far outside the bounds"),
    ],
)
def test_valid_looking_wrong_data_are_refused(tmp_path: Path, name: str, values: Any, message: str) -> None:
    write(tmp_path / "attack", {**valid(), f"push_{name}.npy": saved(values)})
    with pytest.raises(DataError, match=message):
        take(tmp_path / "attack")
