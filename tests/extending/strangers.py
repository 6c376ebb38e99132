"""Throw-away distributions: a module and a `dist-info` folder with entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium as gym
import pytest

from dpbench.registry import registry

GROUPS = ("tasks", "baselines", "policy_sources", "formats", "arm_drivers", "cameras")


class Strangers:
    """A folder on Python's path where distributions are put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()

    def add(self, name: str, code: str, *groups: str, points: str | None = None) -> None:
        """A distribution with the module `name` and an entry point `name:TABLE` in each group."""
        info = self.folder / f"{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        written = "".join(f"[dpbench.{group}]\n{name} = {name}:TABLE\n" for group in groups)
        (info / "entry_points.txt").write_text(written if points is None else points)
        (self.folder / f"{name}.py").write_text(code)
        self.modules.add(name)

    def imported(self) -> set[str]:
        """Which of their modules Python has imported."""
        return self.modules & set(sys.modules)


@contextmanager
def installed(folder: Path) -> Iterator[Strangers]:
    """A place for distributions; registries are read again with it, and once more without."""
    strangers, known = Strangers(folder), set(gym.registry)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        registry.cache_clear()
        try:
            yield strangers
        finally:
            for name in strangers.imported():
                del sys.modules[name]
            for task_id in set(gym.registry) - known:
                del gym.registry[task_id]
    registry.cache_clear()
