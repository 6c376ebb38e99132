"""Where a figure comes from: versions, commit, hardware, date."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HARNESS = ("dpbench", "gymnasium", "numpy", "torch")
"""Packages that every result depends on; tasks and policies name theirs."""
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Settings that bound the threads of numpy's BLAS, the first one that is set counts."""


def provenance(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Everything beside seed and configuration that a result depends on, JSON-able.

    Args:
        packages: distributions that decide the result beside the harness's own.
    """
    return {
        "versions": versions(packages),
        "threads": threads(),
        "commit": commit(),
        "hardware": hardware(),
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["dpbench", *sys.argv[1:]]),
    }


def versions(packages: Sequence[str] = ()) -> dict[str, str | None]:
    """Version of Python, of the harness's packages and of the given ones; None for one that is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in (*HARNESS, *packages)}}


def threads() -> dict[str, int | str | None]:
    """Threads of torch, None when it is not loaded, and of numpy's BLAS as the environment bounds them, None if not."""
    torch = sys.modules.get("torch")
    set_ones = (os.environ[name] for name in BLAS_THREADS if name in os.environ)
    return {"torch": torch.get_num_threads() if torch is not None else None, "blas": next(set_ones, None)}


def commit() -> Mapping[str, Any]:
    """`{"id": ..., "dirty": ...}` of the checkout this package is imported from; `id` is None outside of one."""
    folder = str(Path(__file__).resolve().parent)
    identity = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", "..", ":!../leaderboards", ":!../zoo")
    return {"id": identity, "dirty": bool(changed) if identity else None}


def hardware() -> dict[str, Any]:
    """Processor, cores, and the GPU if torch is loaded and sees one."""
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name(0) if torch is not None and torch.cuda.is_available() else None
    return {"cpu": _cpu(), "cores": os.cpu_count(), "gpu": gpu, "platform": platform.platform()}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
