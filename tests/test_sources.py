"""Constants cite sources that a reader can open."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRIVATE = re.compile(rb"\bFACTS\b")
"""A file of notes that is not part of the repository."""


def test_nothing_cites_a_file_that_readers_do_not_have() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name.decode() for name in tracked.split(b"\0") if name]
    citing = [
        str(path.relative_to(ROOT))
        for path in paths
        if path.is_file()
        and path.suffix in (".py", ".md", ".ipynb", ".toml", ".json", ".txt")
        and path != Path(__file__)
        if PRIVATE.search(path.read_bytes())
    ]
    assert citing == []
