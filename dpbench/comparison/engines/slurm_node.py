"""What runs in a Slurm job: one job of a suite. Its output is Slurm's log of the job, its progress a file beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dpbench.comparison.engines.engine import Event, Job
from dpbench.comparison.engines.worker import done
from dpbench.files.writing import write_json

PROGRESS_S = 2.0
"""How often the progress of a job is written, s; a shared file system bears that from hundreds of jobs."""


def run_job(job: Job, progress_file: Path, folder: str) -> Event:
    """Do a job.

    Args:
        job: to do.
        progress_file: where it says how far it is.
        folder: working folder, in which the paths of jobs are looked up.
    """
    os.chdir(folder)
    told_s = -PROGRESS_S

    def progress(n_done: int, total: int) -> None:
        nonlocal told_s
        if time.monotonic() >= told_s + PROGRESS_S or n_done == total:
            told_s = time.monotonic()
            write_json(progress_file, {"done": n_done, "total": total})

    return done(job, progress)
