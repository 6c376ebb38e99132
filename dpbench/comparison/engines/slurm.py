"""Slurm as an engine, through submitit: a Slurm job for each job, which waits in Slurm's queue until there is room.

Results and progress come back as files in a folder that all machines share; Slurm's logs of the jobs stay there.
Account, partition, time limit and the like are set as for every other job, by Slurm's own variables
(`SBATCH_ACCOUNT`, `SBATCH_PARTITION`, `SBATCH_TIMELIMIT`).
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from dpbench.comparison.engines.engine import Event, Failed, Finished, Job, Needs, Progressed, fits_beside
from dpbench.comparison.engines.slurm_node import run_job
from dpbench.comparison.engines.worker import end_of_log
from dpbench.errors import ConfigError, DataError, DpbenchError, MissingExtraError, shown
from dpbench.files.reading import Kind, read_json
from dpbench.plugins.failures import message_of

LOCAL = "local"
"""The address of submitit's processes on this machine, which need no Slurm; for a try."""
TIMEOUT_MIN = 24 * 60
"""Time limit of a Slurm job where SBATCH_TIMELIMIT says no other, minutes."""
LOOK_S = {True: 0.1, False: 2.0}
"""Between looks at files, s: on a disk of this machine, and on one that hundreds of jobs share."""
RESULT_S = 15.0
"""Time for the result of a Slurm job that is over to be seen on a shared disk, s."""
PROGRESS_S = 2.0
"""Between looks at the progress of jobs, s."""
PROGRESS = Kind(error=DataError, remedy="wait for the next one", limit_bytes=1000)
END_S = 5.0
"""Time for processes of this machine to end when they are cancelled, s."""


@dataclass
class _Running:
    """A job, what submitit knows of it, how far it was last, and when it was first seen without a result."""

    job: Job
    submitted: Any
    progress_file: Path
    told: tuple[int, int] = (0, 0)
    over_s: float | None = None


class SlurmEngine:
    """An engine of a Slurm cluster.

    Args:
        address: `local` for processes of this machine, None for Slurm.
        n_jobs: Slurm jobs at a time, those that wait in the queue included; with `local`, cores.
        folder: of logs, results and progress, which all machines share.
    """

    def __init__(self, address: str | None, n_jobs: int, folder: Path) -> None:
        if address not in (None, LOCAL):
            raise ConfigError(
                f"--address {shown(address)}: with --engine slurm, expected nothing, for the Slurm of this machine, or "
                f"{LOCAL}, for a try without Slurm."
            )
        self._is_local, self._n_jobs = address == LOCAL, n_jobs
        self._folder = folder.absolute()
        self._executor: Any = None
        self._running: dict[str, _Running] = {}
        self._progress_s = 0.0

    def __enter__(self) -> SlurmEngine:
        """Prepare submitit; nothing is submitted yet.

        Raises:
            MissingExtraError: without submitit.
            DpbenchError: on a machine without Slurm.
        """
        try:
            import submitit
        except ImportError as error:
            raise MissingExtraError(
                "--engine slurm needs submitit; install it: pip install 'dpbench[slurm]'."
            ) from error
        if not self._is_local and (shutil.which("sbatch") is None or shutil.which("srun") is None):
            raise DpbenchError(
                "--engine slurm: there is no sbatch here; run this on a login node of the cluster, or try it without "
                f"Slurm with --address {LOCAL}."
            )
        self._executor = submitit.AutoExecutor(self._folder, cluster=LOCAL if self._is_local else "slurm")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what still runs or waits."""
        for one in self._running.values():
            with suppress(Exception):  # Slurm may not answer; its jobs then end by themselves
                one.submitted.cancel(check=False)
        deadline = time.monotonic() + END_S
        while self._is_local and time.monotonic() < deadline:
            if all(one.submitted.done() for one in self._running.values()):
                break
            time.sleep(LOOK_S[True])
        self._running.clear()

    def has_room(self, needs: Needs) -> bool:
        """Whether it may be submitted; on Slurm the queue is where it waits."""
        running = [one.job.needs for one in self._running.values()]
        if not self._is_local:
            return len(running) < self._n_jobs
        return fits_beside(running, needs, self._n_jobs)

    def submit(self, job: Job) -> None:
        """Submit a Slurm job.

        Raises:
            DpbenchError: when Slurm refuses it.
        """
        gpus = math.ceil(job.needs.gpus)
        wanted: dict[str, Any] = {
            "name": f"dpbench-{job.key[:8]}",
            "timeout_min": TIMEOUT_MIN,
            "stderr_to_stdout": True,
        }
        wanted |= {"cpus_per_task": job.needs.cpus, "nodes": 1, "tasks_per_node": 1, "gpus_per_node": gpus}
        self._executor.update_parameters(**wanted, slurm_exclusive=job.needs.alone or None)
        progress_file = self._folder / f"{job.key}.progress.json"
        progress_file.unlink(missing_ok=True)
        try:
            submitted = self._executor.submit(run_job, job, progress_file, os.getcwd())
        except Exception as error:  # submitit raises whatever sbatch makes of it
            raise DpbenchError(
                f"Slurm does not take the job ({message_of(error)}); look at SBATCH_* settings."
            ) from error
        self._running[job.key] = _Running(job, submitted, progress_file)

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened since the last call."""
        deadline = time.monotonic() + timeout_s
        while True:
            events: list[Event] = [self._end(one) for one in list(self._running.values()) if self._is_over(one)]
            if time.monotonic() > self._progress_s + PROGRESS_S:
                self._progress_s = time.monotonic()
                events += [event for one in self._running.values() for event in self._progress(one)]
            if events or time.monotonic() >= deadline:
                return events
            time.sleep(min(LOOK_S[self._is_local], max(0.0, deadline - time.monotonic())))

    def _is_over(self, one: _Running) -> bool:
        """Whether a Slurm job has left a result, or will leave none."""
        if not one.submitted.done():
            return False
        one.over_s = one.over_s or time.monotonic()
        waited_s = time.monotonic() - one.over_s
        return self._is_local or waited_s > RESULT_S or bool(one.submitted.paths.result_pickle.exists())

    def _end(self, one: _Running) -> Event:
        """What a Slurm job that is over has left; the log is kept, files that nobody needs any more are not."""
        del self._running[one.job.key]
        paths = one.submitted.paths
        log = end_of_log(Path(paths.stdout))
        event: object = None
        if paths.result_pickle.exists():
            with suppress(Exception):  # submitit's own, or what reading a broken result raises
                event = one.submitted.result()
        for path in (one.progress_file, paths.result_pickle, paths.submitted_pickle):
            path.unlink(missing_ok=True)
        if isinstance(event, Failed):
            return Failed(event.key, event.reason, log, event.lost)
        if isinstance(event, Finished):
            return event
        number = one.submitted.job_id
        reason = f"its Slurm job {number} ended without a result: what it ran crashed, or memory or time ran out"
        return Failed(one.job.key, reason, log, lost=True)

    def _progress(self, one: _Running) -> list[Event]:
        try:
            read = read_json(one.progress_file, PROGRESS)
            told = (int(read["done"]), int(read["total"]))
        except (DataError, KeyError, TypeError, ValueError):  # not there yet
            return []
        if told == one.told:
            return []
        one.told = told
        return [Progressed(one.job.key, *told)]
