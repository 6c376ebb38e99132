"""How much of the processor other processes use meanwhile: whether a timing was made on an otherwise idle machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
IDLE, IO_WAIT, STEAL = 3, 4, 7
"""Fields of its first line (proc(5)); those after `steal` are parts of earlier ones."""


@dataclass(frozen=True)
class CpuUse:
    """Seconds since the machine, and this process, started.

    Attributes:
        wall_s: of a clock.
        machine_s: in which a core was busy, summed over cores; what a hypervisor took away counts as busy.
        process_s: of processor time that this process used, over all of its threads.
    """

    wall_s: float
    machine_s: float
    process_s: float


def cpu_use() -> CpuUse | None:
    """Now; None on systems without `/proc/stat`."""
    try:
        fields = [int(field) for field in STAT.read_text(encoding="utf-8").splitlines()[0].split()[1 : STEAL + 2]]
    except (OSError, ValueError, IndexError):
        return None
    busy = sum(fields) - fields[IDLE] - fields[IO_WAIT]
    return CpuUse(time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), time.process_time())


def other_cores(begin: CpuUse | None, end: CpuUse | None) -> float | None:
    """Cores that other processes kept busy between two moments, on average; None where it is unknown."""
    if begin is None or end is None or end.wall_s <= begin.wall_s:
        return None
    others_s = (end.machine_s - begin.machine_s) - (end.process_s - begin.process_s)
    return max(0.0, others_s / (end.wall_s - begin.wall_s))
