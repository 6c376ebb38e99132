"""The data root of DPBENCH_DATA: the right folder, or one line that names the variable."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from dpbench.cli import main
from dpbench.errors import DpbenchError

from .test_fetch import TASK, arrays, dataset, write_archive

RIGHT = {"": "data", "~": "home", "~/deep": "home/deep", "here": "here", "new/deep": "new/deep"}
"""DPBENCH_DATA -> the folder, below the working folder."""
WRONG = {
    "file": "it is not a folder",
    "/dev/null": "it is not a folder",
    "file/inside": "it cannot be used",
    "loop": "it cannot be used",
    "loop/inside": "it cannot be used",
    "dangling": "it is a link to nothing",
    "x" * 300: "it cannot be used",
    "~no-such-user/data": "there is no such user",
}
TRAIN = ["train", "mlp-bc", "--task", "pushtkeypoints", "--out", "run"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive") / "pusht.zip", arrays())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pusht.zip").symlink_to(archive)
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    known = dataset(arrays())
    monkeypatch.setattr("dpbench.cli.data.find_dataset", lambda *_: (known, TASK))
    monkeypatch.setattr("dpbench.cli.data.own_dataset", lambda _: known)

    def begun(*_: object, **__: object) -> NoReturn:
        raise DpbenchError("training begins")

    monkeypatch.setattr("dpbench.training.run.training_data", begun)
    return tmp_path


@pytest.mark.parametrize("named", RIGHT)
def test_stores_are_written_to_and_read_from_where_it_points(
    named: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DPBENCH_DATA", named)
    for command in (["data", "info", "pusht"], TRAIN):
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "dpbench data fetch" in line or "see `dpbench data`" in line
        assert ("DPBENCH_DATA" in line) == bool(named)
    assert main(["data", "fetch", "pusht", "--from", "pusht.zip"]) == 0
    assert (folder / RIGHT[named] / "pusht.zarr/.zgroup").exists()
    assert main(["data", "info", "pusht", "--json"]) == 0
    capsys.readouterr()
    assert main(TRAIN) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: training begins"


@pytest.mark.parametrize("named", WRONG, ids=list(WRONG.values()))
def test_what_cannot_be_a_folder_is_one_line_with_the_variable(
    named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DPBENCH_DATA", named)
    fetch = ["data", "fetch", "pusht", "--from", "pusht.zip"]
    for command in (fetch, ["data", "info", "pusht"], TRAIN, ["demos", "generate", "pusht", "--episodes", "1"]):
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: DPBENCH_DATA is '")
        assert f": {WRONG[named]}" in line
        assert line.endswith("; set it to the folder of all stores, or unset it.")
    assert main([*fetch, "--data-dir", "here"]) == 0, "the argument decides"
    assert main(["data", "info", "here/pusht.zarr"]) == 0, "a path needs no data root"


def test_an_evaluation_needs_no_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPBENCH_DATA", "file")
    assert main(["evaluate", "hold", "--task", "pusht", "--episodes", "1", "--workers", "1"]) == 0
