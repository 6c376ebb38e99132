"""What engines cost: `python benchmarks/engines.py` prints the figures of docs/scale.md.

The cost of a cell is that of an empty job, once two workers have begun. Memory is that of the process that runs the
suite (resident, VmRSS of Linux) after 100 and after 1,000 jobs. Two workers are measured against one in turns, on the
episodes of a small network, since other work on the machine then slows both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.engines.choosing import engine_of
from dpbench.comparison.engines.engine import Engine, Finished, Job, Progressed
from dpbench.comparison.suites.evaluating import rolled_out

N_EMPTY = {"local": 1000, "ray": 1000, "slurm": 8}
"""Jobs by engine; each Slurm job is a process that imports torch."""
WORK_STARTS = 8
WORK_CELLS = 8
"""Cells of the comparison of one worker with two, each of so many starts."""
POLICY = "zoo/PushTKeypoints-v0/lstm-gmm"


def real_job(seed: int) -> Job:
    """The episodes of a cell, as a suite submits them."""
    cell = Cell(POLICY, n_starts=WORK_STARTS, sampler_seeds=(seed,))
    return Job(str(seed), "", partial(rolled_out, cell, resolve(cell).identity))


def empty_job(name: str) -> Job:
    """A job of no work; a built-in function, since other processes cannot import those of this script."""
    return Job(name, "", repr)


def run(engine: Engine, jobs: Sequence[Job]) -> dict[int, float]:
    """Run jobs, and return the resident memory after so many of them, MiB."""
    waiting, n_ended, memory = list(reversed(jobs)), 0, {}
    while n_ended < len(jobs):
        while waiting and engine.has_room(waiting[-1].needs):
            engine.submit(waiting.pop())
        for event in engine.wait(0.5):
            if isinstance(event, Progressed):
                continue
            if not isinstance(event, Finished):
                raise SystemExit(f"{event.key}: {event.reason}\n{event.log}")
            n_ended += 1
            if n_ended in (100, 1000):
                memory[n_ended] = resident_mib()
    return memory


def resident_mib() -> float:
    """Memory of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def engine(name: str, n_workers: int, folder: Path) -> Engine:
    """An engine on this machine."""
    return engine_of(name, n_workers, "local" if name == "slurm" else None, folder)


def empty_jobs(name: str, folder: Path) -> tuple[float, float, dict[int, float]]:
    """Time until the first jobs have ended, s, time of a further one, s, and memory."""
    began = time.monotonic()
    with engine(name, 2, folder) as entered:
        run(entered, [empty_job(f"first {number}") for number in range(2)])
        start_s = time.monotonic() - began
        began = time.monotonic()
        memory = run(entered, [empty_job(str(number)) for number in range(N_EMPTY[name])])
        return start_s, (time.monotonic() - began) / N_EMPTY[name], memory


def speedup(name: str, n_rounds: int, folder: Path) -> float:
    """How many times as fast two workers are as one: the median over rounds that take turns."""
    ratios = []
    jobs = [real_job(seed) for seed in range(WORK_CELLS)]
    warm = [replace(job, key=f"warm {job.key}") for job in jobs[:2]]
    for _ in range(n_rounds):
        times = {}
        for n_workers in (1, 2):
            with engine(name, n_workers, folder) as entered:
                run(entered, warm)
                began = time.monotonic()
                run(entered, jobs)
                times[n_workers] = time.monotonic() - began
        ratios.append(times[1] / times[2])
        print(f"{name}: one worker {times[1]:.1f} s, two {times[2]:.1f} s, {ratios[-1]:.2f} times as fast", flush=True)
    return statistics.median(ratios)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of one worker against two (default 3)")
    rounds = parser.parse_args().rounds
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    with tempfile.TemporaryDirectory() as folder:
        for name in N_EMPTY:
            start_s, cell_s, memory = empty_jobs(name, Path(folder))
            told = ", ".join(f"{mib:.0f} MiB after {n} jobs" for n, mib in memory.items())
            print(
                f"{name}: {start_s:.1f} s to begin, {cell_s * 1000:.1f} ms a cell; {told or 'memory not measured'}",
                flush=True,
            )
        for name in ("local", "ray"):
            print(
                f"{name}: two workers are {speedup(name, rounds, Path(folder)):.2f} times as fast as one (median)",
                flush=True,
            )
    print(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
