"""Suites that are killed at random moments, and typed again: SIGKILL of the command, of a worker, of all at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

N_KILLS = 30
SCRIPT = Path(__file__).with_name("killing.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_suite_that_was_killed_ends_with_the_figures_of_one_that_was_not(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path), str(N_KILLS), "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    print(f"killed: {result['kills']}, {result['whole']} times to the end")
    assert result["wrong"] == []
    assert sum(result["kills"].values()) >= N_KILLS
    assert set(result["kills"]) == {"command", "worker", "all"}
