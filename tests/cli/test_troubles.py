"""Commands on a machine in trouble: one line, a status that is not that of success, and nothing half-written."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpbench.cli import ending, main
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.demonstrations.generation import demonstrate
from dpbench.files import writing

TASK = "dpbench/Avoid-v0"
CHECKPOINT = "zoo/Avoid-v0/mlp-bc"
SMALL = "--set n_steps=4 --set width=16 --set batch_size=8 --rollouts 0 --save-every 2"
PRINTERS = (
    "--help",
    "tasks",
    "tasks --json",
    "baselines show mlp-bc",
    "data info {known}",
    "data info {known} --json",
    "check dataset Avoid-v0 --store {known}",
    "evaluate hold --task Avoid-v0 --episodes 1 --workers 1",
)
WRITERS = (
    "demos generate Avoid-v0 --episodes 1 --workers 1 --out {}/s.zarr",
    "data info {known} --picture {}/p.png",
    f"train mlp-bc --task Avoid-v0 --store {{known}} --out {{}}/run {SMALL}",
    "evaluate hold --task Avoid-v0 --episodes 1 --workers 1 --video {}/v.gif",
    "compare --zoo zoo/Avoid-v0 --policies hold --episodes 1 --workers 1 --records {}/out",
    "leaderboard render --tasks LiftAbs-v0 --output {}/out",
    f"latency {CHECKPOINT} --output {{}}/out",
    f"delay {CHECKPOINT} --steps 0 --episodes 1 --workers 1 --output {{}}/out",
    "chunks demonstrator --task Avoid-v0 --paths 1 --chunks 2 --output {}/c.png",
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two episodes."""
    path = tmp_path_factory.mktemp("data") / "known.zarr"
    for number in (0, 1):
        made = demonstrate(TASK, number)
        if number == 0:
            store = EpisodeStore.create(path, step_shapes(made.arrays), {"task": TASK})
        store.append(made.arrays, made.start_seed)
    return path


@pytest.fixture
def typed(tmp_path: Path, known: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Makes the words of a command line; workers are not started."""
    monkeypatch.setattr("dpbench.demonstrations.generation.worker_processes", _here)
    return lambda command: command.replace("{known}", str(known)).replace("{}", str(tmp_path)).split()


@contextmanager
def _here(_: int) -> Iterator[object]:
    class Here:
        map = staticmethod(lambda function, numbers, chunksize: map(function, numbers))  # noqa: ARG005

    yield Here()


def status_of(arguments: list[str]) -> int:
    """Exit status as a shell sees it."""
    try:
        return main(arguments)
    except SystemExit as stopped:
        return int(stopped.code or 0)


def messages(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines of stderr that are no progress bars, notes or news."""
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    return [line for line in lines if line.startswith(("error:", "interrupted", "terminated", "the output", "Traceb"))]


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".lock", ".part"))]


def full() -> io.TextIOWrapper:
    return open("/dev/full", "w", encoding="utf-8")


def closed_pipe() -> io.TextIOWrapper:
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w", encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", PRINTERS)
@pytest.mark.parametrize(("output", "status"), [(full, 2), (closed_pipe, 141)])
def test_output_that_cannot_be_delivered_is_one_line(
    command: str,
    output: Callable[[], io.TextIOWrapper],
    status: int,
    typed: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patched, output() as stream:
        patched.setattr(sys, "stdout", stream)
        found = status_of(typed(command))
    said = messages(capsys)
    assert found == status
    assert len(said) == 1
    assert ("No space left" if status == 2 else "the output was closed") in said[0]


@pytest.mark.parametrize("command", PRINTERS)
def test_a_terminal_without_signs_or_width_is_printed_to(
    command: str, typed: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = io.BytesIO()
    monkeypatch.setenv("COLUMNS", "1")
    monkeypatch.setenv("TERM", "dumb")
    with monkeypatch.context() as patched, io.TextIOWrapper(raw, encoding="ascii") as stream:
        patched.setattr(sys, "stdout", stream)
        assert status_of(typed(command)) == 0
        assert raw.getvalue()
    assert messages(capsys) == []


@pytest.mark.parametrize("command", [*PRINTERS[1:], *WRITERS])
def test_a_deleted_working_folder_is_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(command.replace("{known}", "s").replace("{}", "x").split()) == 2
    assert messages(capsys) == [
        "error: the working folder was deleted; change to one that exists and run the same command again."
    ]


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Every write to a file of this process fails, as on a full disk; its number is EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on_when_there_is_space(
    command: str, tmp_path: Path, typed: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with no_file_grows():
        status = main(typed(command))
    said = messages(capsys)
    assert status == 2
    assert len(said) == 1
    assert "File too large" in said[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert main(typed(command)) == 0
    assert not unfinished(tmp_path)


@pytest.mark.parametrize("command", WRITERS)
def test_a_disk_that_fills_up_on_the_way_leaves_nothing_half_written(
    command: str,
    tmp_path: Path,
    typed: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flush, n_flushed = os.fsync, 0

    def full_after_two(descriptor: int) -> None:
        nonlocal n_flushed
        n_flushed += 1
        if n_flushed > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(writing.os, "fsync", full_after_two)
        status = main(typed(command))
    said = messages(capsys)
    assert (status, len(said)) == ((2, 1) if n_flushed > 2 else (0, 0))
    assert all("No space left on device" in line for line in said)
    assert not unfinished(tmp_path)


@pytest.mark.parametrize("command", WRITERS)
def test_a_file_where_a_folder_is_expected_is_one_line(
    command: str, tmp_path: Path, typed: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    command = command.replace("{}", str(tmp_path / "file"))
    assert status_of(typed(command)) == 2
    said = messages(capsys)
    assert len(said) == 1
    assert str(tmp_path / "file") in said[0]
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("command", [*WRITERS[:3], WRITERS[4]])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_a_file_is_written_leaves_nothing_half_written(
    command: str,
    number: signal.Signals,
    status: int,
    tmp_path: Path,
    typed: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, shells ignore it
    try:
        with monkeypatch.context() as patched:
            patched.setattr(writing.os, "fsync", lambda _: os.kill(os.getpid(), number))
            found = status_of(typed(command))
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == status
    assert len(messages(capsys)) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert main(typed(command)) == 0
    assert not unfinished(tmp_path)


def test_a_process_without_streams_gets_empty_ones(
    tmp_path: Path, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        for name in ("stdin", "stdout", "stderr"):
            patched.setattr(sys, name, None)
        assert main(["data", "info", str(known), "--picture", str(tmp_path / "p.png")]) == 0
        assert sys.stdin.read() == ""
        for name in ("stdin", "stdout", "stderr"):
            getattr(sys, name).close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EROFS, "Read-only file system", "/a"), "/a: Read-only file system; choose a place"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "/a: Permission denied; change its permissions"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; free some space; run the same"),
        (
            OSError(errno.EXDEV, "Cross-device link", "/a", None, "/b"),
            "/a -> /b: Cross-device link; run the same command",
        ),
        (OSError(), "OSError; run the same command"),
    ],
)
def test_what_the_system_says_comes_with_what_to_do(error: OSError, words: str) -> None:
    assert ending.in_words(error).startswith(words)
