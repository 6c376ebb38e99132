"""Whether the machine was otherwise idle is judged by the processor time of other processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpbench.evaluation import cpu_use as module
from dpbench.evaluation.cpu_use import CpuUse, cpu_use, other_cores


def test_own_work_is_not_the_others() -> None:
    begin, end = CpuUse(0.0, 100.0, 10.0), CpuUse(2.0, 103.0, 12.0)
    assert other_cores(begin, end) == pytest.approx(0.5)
    assert other_cores(begin, CpuUse(2.0, 101.9, 12.0)) == 0.0, "the two clocks differ by a tick"


@pytest.mark.skipif(not module.STAT.exists(), reason="counts processor time in /proc/stat")
def test_another_process_is_seen() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.1)
        begin = cpu_use()
        time.sleep(0.5)
        cores = other_cores(begin, cpu_use())
    finally:
        busy.kill()
        busy.wait()
    assert cores is not None
    assert cores > 0.3


def test_nothing_is_said_where_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STAT", tmp_path / "missing")
    assert cpu_use() is None
    assert other_cores(None, None) is None
