"""Ctrl-C, and two commands at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpbench.records.store import read_all

from .killing import workers_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
WITHIN_S = 20.0
"""Seconds are what is promised; a machine that does other things as well is given more."""


@contextmanager
def running(folder: Path, suite: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command line in a process of its own; what runs in the background ignores Ctrl-C unless it is told."""
    (folder / "suite.toml").write_text(suite)
    line = f"compare --suite {folder}/suite.toml --store {folder}/store --records {folder}/records --workers 1".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "dpbench.cli", *line, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ctrl_c_ends_all_within_seconds(tmp_path: Path) -> None:
    many = '[[policies]]\nnames = ["random"]\ntasks = ["Avoid-v0"]\nevaluations = [{ episodes = 5000 }]\n'
    with running(tmp_path, many) as process:
        until = time.monotonic() + 120
        while not (workers := workers_of(process.pid)) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)  # into the work, or into the imports of the worker
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        took_s = time.monotonic() - began
    assert process.returncode == 130, said
    assert "run the same command again" in said
    assert "Traceback" not in said
    assert took_s < WITHIN_S
    while any(map(alive, workers)) and time.monotonic() < began + WITHIN_S:
        time.sleep(0.05)  # the process that cleans up for the others is the last
    assert not any(map(alive, workers))


def test_two_commands_on_one_store_do_each_cell_once(tmp_path: Path) -> None:
    suite = (
        '[[policies]]\nnames = ["random", "hold", "demonstrator"]\ntasks = ["Avoid-v0"]\n'
        "evaluations = [{ episodes = 2 }, { episodes = 3 }]\n"
    )
    with running(tmp_path, suite) as first, running(tmp_path, suite, "--json") as second:
        said = [process.communicate(timeout=300) for process in (first, second)]
        assert [first.returncode, second.returncode] == [0, 0], said
    assert sorted(len(record.episodes) for record in read_all(tmp_path / "records")) == [2, 2, 2, 3, 3, 3]
    assert not list((tmp_path / "store").rglob("*.npz"))
