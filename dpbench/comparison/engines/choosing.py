"""Engines by name."""

from __future__ import annotations

from dpbench.comparison.engines.engine import Engine
from dpbench.comparison.engines.local import LocalEngine

ENGINES = ("local",)


def engine_of(name: str, n_workers: int) -> Engine:
    """An engine that was chosen by its name.

    Args:
        name: one of `ENGINES`.
        n_workers: processes on this machine.
    """
    assert name in ENGINES
    return LocalEngine(n_workers)
