"""Engines by name."""

from __future__ import annotations

from pathlib import Path

from dpbench.comparison.engines.engine import Engine
from dpbench.comparison.engines.local import LocalEngine
from dpbench.comparison.engines.ray import RayEngine
from dpbench.comparison.engines.slurm import SlurmEngine


def engine_of(name: str, n_workers: int, address: str | None, folder: Path) -> Engine:
    """An engine that was chosen by its name.

    Args:
        name: one of `dpbench.comparison.engines.engine.ENGINES`.
        n_workers: jobs at a time on this machine, or in Slurm's queue; a Ray cluster that exists knows its cores.
        address: of a Ray cluster that exists, or `local` for Slurm without Slurm.
        folder: for logs of Slurm's jobs.

    Raises:
        ConfigError: for an address that the engine cannot have.
    """
    if name == "ray":
        return RayEngine(address, n_workers)
    if name == "slurm":
        return SlurmEngine(address, n_workers, folder)
    return LocalEngine(n_workers)
