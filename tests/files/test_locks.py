"""One writer at a time, and nothing left of those that were killed."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import filelock
import pytest

from dpbench.errors import BusyError, DpbenchError
from dpbench.files.locks import only_writer, working_on
from dpbench.files.writing import new_file, new_folder, temporary_name, write_all

HOLD = """
import sys
from pathlib import Path
from dpbench.files.locks import working_on
with working_on(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Callable[[Path], subprocess.Popen[str]]:
    """Starts a process that works on a path until its input ends."""

    def start(path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    return start


def test_the_second_is_told_who_writes_and_the_lock_of_a_killed_process_is_free(
    tmp_path: Path, other: Callable[[Path], subprocess.Popen[str]]
) -> None:
    path = tmp_path / "store.zarr"
    with other(path) as process:
        with pytest.raises(BusyError) as told, working_on(path):
            pass
        message = str(told.value)
        assert re.search(rf"written by process {process.pid} on \S+ since .* UTC \(-c .*store.zarr\); wait", message)
        assert "\n" not in message
        process.send_signal(signal.SIGKILL)
        process.wait()
    with working_on(path):
        assert [entry.name for entry in tmp_path.iterdir()] == [".store.zarr.lock"]
    assert not list(tmp_path.iterdir()), "no lock file is left"


def test_the_lock_is_one_by_whatever_name_the_folder_is_reached(
    tmp_path: Path, other: Callable[[Path], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    with other(tmp_path / "link/store.zarr") as process:
        for path in (Path("real/store.zarr"), Path("real/../link/store.zarr")):
            with pytest.raises(BusyError), only_writer(path):
                pass
        process.kill()


def test_a_writer_stays_the_writer_inside_itself(tmp_path: Path) -> None:
    with only_writer(tmp_path / "a") as first:
        with only_writer(tmp_path / "a") as second:
            assert (first, second) == (True, False)
        assert (tmp_path / ".a.lock").exists(), "the inner one does not end it"


def test_a_file_system_without_locks_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with caplog.at_level(logging.WARNING), working_on(tmp_path / "a") as nothing:
        assert nothing is None
    assert len(caplog.messages) == 1
    assert "cannot be locked (No locks available); see to it" in caplog.messages[0]


def test_where_nothing_can_be_written_the_work_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DpbenchError, match=r"nothing can be written there \(.+\); free some space"):  # noqa: SIM117
        with working_on(tmp_path / "file/store.zarr"):
            pytest.fail("must not begin")


def leave(path: Path, number: int | str) -> Path:
    left = path.with_name(f".{path.name}.{number}.tmp")
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("left")
    return left


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_leftovers_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    path, dead, living = tmp_path / "run", dead_process(), os.getppid()
    beside, inside = leave(path, dead), leave(path / "data/agent_pos/.zarray", dead)
    own, alive = leave(path / "x.json", os.getpid()), leave(path / "y.json", living)
    folder = tmp_path / f".run.{dead + 1}.tmp/data"
    folder.mkdir(parents=True)
    of_others = leave(tmp_path / "run2", dead), leave(tmp_path / "run", "notes"), leave(tmp_path / "r", dead)
    with working_on(path):
        assert not any(left.exists() for left in (beside, inside, own, folder.parent))
        assert alive.exists()
        assert all(left.exists() for left in of_others)
        late = leave(path / "z.json", os.getpid())
        with working_on(path):
            assert late.exists(), "its own files are not leftovers while it works"


def test_files_that_belong_together_are_all_old_when_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {tmp_path / name: name.encode() for name in "abc"}
    for path in files:
        path.write_bytes(b"old")
    flushed: list[int] = []

    def full(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_all(files)
    assert {path.read_bytes() for path in files} == {b"old"}
    assert {entry.name for entry in tmp_path.iterdir()} == {"a", "b", "c"}
    write_all(files)
    assert [path.read_bytes() for path in files] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("make", [new_file, new_folder])
def test_what_fails_on_its_way_leaves_the_old_and_nothing_else(
    make: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path
) -> None:
    path = tmp_path / "video.mp4"

    def begin() -> None:
        with make(path) as temporary:
            temporary.mkdir() if make is new_folder else temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin()
    assert not list(tmp_path.iterdir())
    with make(path) as temporary:
        assert temporary.suffix == path.suffix or make is new_folder
        temporary.mkdir() if make is new_folder else temporary.write_text("whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["video.mp4"]
    assert not temporary_name(path).exists()


def test_a_place_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DpbenchError, match="loop is a link that leads back to itself"), working_on(tmp_path / "loop"):
        pass
    with pytest.raises(DpbenchError, match="/ has no name of its own"), working_on(Path("/")):
        pass
