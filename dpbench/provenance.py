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
    """Processor, cores, and what torch tells if it is loaded: a GPU that it sees, vector instructions that it uses."""
    torch, told = sys.modules.get("torch"), _cpu_info()
    gpu = torch.cuda.get_device_name(0) if torch is not None and torch.cuda.is_available() else None
    family = " ".join(told[name] for name in ("vendor_id", "cpu family", "model") if name in told)
    return {
        "cpu": told.get("model name", platform.machine()) if told else platform.processor(),
        "family": family or None,
        "instructions": torch.backends.cpu.get_cpu_capability() if torch is not None else None,
        "cores": os.cpu_count(),
        "gpu": gpu,
        "platform": platform.platform(),
    }


def _cpu_info() -> Mapping[str, str]:
    """What Linux tells of the first processor; empty elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


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
