"""Commands that are killed at random moments of their writing, and then typed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

N_KILLS = 27
SCRIPT = Path(__file__).with_name("killing.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_command_that_was_killed_gives_what_it_gives_undisturbed_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path), "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout)
    kills = {name: result["kills"] for name, result in results.items()}
    print(f"killed: {kills}, {sum(kills.values())} in all")
    assert sum(kills.values()) >= N_KILLS
    assert all(kills.values())
    assert {name: result["wrong"] for name, result in results.items()} == {name: [] for name in results}
