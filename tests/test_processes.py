"""Worker processes end with the process that started them, however that ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpbench.errors import DpbenchError
from dpbench.processes import worker_processes

SCRIPT = """
import os, signal, time
from dpbench.processes import worker_processes
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
    with worker_processes(2) as pool:
        busy = [pool.submit(time.sleep, 600) for _ in range(2)]
        print(*pool._processes, flush=True)
        time.sleep(600)
"""


def is_running(number: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("wait_s", [0.0, 2.0])
def test_no_worker_outlives_a_killed_or_interrupted_process(
    number: signal.Signals, wait_s: float, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        workers = [int(text) for text in process.stdout.readline().split()]
        assert len(workers) == 2
        time.sleep(wait_s)  # they are just starting, or at work
        if number is signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, error = process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))
    assert error.count("Traceback") == int(number is signal.SIGINT), "no worker complains"


def test_a_worker_that_dies_is_named_in_one_sentence() -> None:
    with pytest.raises(DpbenchError, match="ended with status 1 before its work was done"):  # noqa: SIM117
        with worker_processes(1) as pool:
            pool.submit(os._exit, 1).result()


def test_where_no_process_can_be_started_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", refuse)  # as with a read-only /dev/shm
    with pytest.raises(DpbenchError, match=r"cannot be started \(Read-only file system\)"), worker_processes(1):
        pass
