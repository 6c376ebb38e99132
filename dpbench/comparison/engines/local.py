"""The processes of this machine as an engine: as many workers as cores, each with one job at a time.

A worker that crashes takes its job with it and no other, and another worker takes its place. A worker that has done its
job gets the next one, since importing everything again would take longer than a small job.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import RLock
from types import TracebackType

from tqdm import tqdm

from dpbench.comparison.engines.engine import Event, Failed, Finished, Job, Needs, Progressed, fits_beside
from dpbench.comparison.engines.worker import done, end_of_log, printing_into
from dpbench.errors import ConfigError, DpbenchError
from dpbench.processes import end_of, end_with_parent, without_interrupts

END_S = 2.0
"""Time that a worker gets to end by itself, s."""


@dataclass
class _Worker:
    """A process and what it does; `job` is None while it waits."""

    process: SpawnProcess
    pipe: Connection
    log: Path
    job: Job | None = None


class LocalEngine:
    """An engine of this machine.

    Args:
        n_cpus: cores that jobs may take together.
    """

    def __init__(self, n_cpus: int) -> None:
        self._n_cpus = n_cpus
        self._n_gpus: int | None = None
        self._workers: list[_Worker] = []
        self._folder: Path | None = None

    def __enter__(self) -> LocalEngine:
        """Nothing is started before it is needed."""
        self._folder = Path(tempfile.mkdtemp(prefix="dpbench-"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers at once; what they did not finish is done by the next run."""
        for worker in self._workers:
            worker.pipe.close()  # one that waits ends by itself
            if worker.job is not None:
                worker.process.terminate()
        for worker in self._workers:
            _end(worker.process)
        self._workers.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def has_room(self, needs: Needs) -> bool:
        """Whether such a job would start at once.

        Raises:
            ConfigError: for a GPU that this machine does not have.
        """
        if needs.gpus and needs.gpus > self._gpus():
            raise ConfigError(f"it needs {needs.gpus:g} GPU, this machine has {self._gpus()}; choose another device.")
        running = [worker.job.needs for worker in self._workers if worker.job is not None]
        has_gpus = not needs.gpus or sum(one.gpus for one in running) + needs.gpus <= self._gpus()
        return has_gpus and fits_beside(running, needs, self._n_cpus)

    def submit(self, job: Job) -> None:
        """Give a job to a worker that waits, or to a new one."""
        for worker in [one for one in self._workers if one.job is None]:
            try:
                worker.pipe.send(job)
            except OSError:  # it was ended while it waited
                self._remove(worker)
                continue
            worker.job = job
            return
        worker = self._started()
        worker.pipe.send(job)
        worker.job = job

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened since the last call."""
        places = {worker.pipe: worker for worker in self._workers if worker.job is not None}
        ready = wait(list(places), timeout_s)
        return [event for pipe in ready for event in self._heard(places[pipe])]  # type: ignore[index]

    def _heard(self, worker: _Worker) -> list[Event]:
        """All that a worker has said, and how it ended if it did."""
        events: list[Event] = []
        job = worker.job
        try:
            while job is not None and worker.job is not None and worker.pipe.poll():
                event: Event = worker.pipe.recv()
                events.append(event)
                if isinstance(event, Finished):
                    worker.job = None
                elif isinstance(event, Failed):  # what the job left behind in its process ends with it
                    self._remove(worker)
                    worker.job = None
        except (EOFError, OSError) as error:
            self._remove(worker)
            if job is not None:
                reason = f"its process {end_of(worker.process.exitcode)}: what it ran crashed, or memory ran out"
                if not isinstance(error, EOFError | ConnectionError):
                    reason = f"its process cannot be heard ({error.strerror})"
                events.append(Failed(job.key, reason, end_of_log(worker.log), lost=True))
        return events

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.terminate()
        _end(worker.process)

    def _started(self) -> _Worker:
        if self._folder is None:
            raise DpbenchError("the engine is used outside of its context.")
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        log = self._folder / f"{len(os.listdir(self._folder))}.log"
        log.touch()
        try:
            with without_interrupts():
                process = context.Process(target=_work, args=(theirs, log), daemon=False)
                process.start()
        except OSError as error:
            raise DpbenchError(
                f"a worker process cannot be started ({error.strerror}); free some memory, or use fewer --workers."
            ) from error
        theirs.close()
        worker = _Worker(process, ours, log)
        self._workers.append(worker)
        return worker

    def _gpus(self) -> int:
        if self._n_gpus is None:
            import torch  # only where a job wants a GPU

            self._n_gpus = torch.cuda.device_count()
        return self._n_gpus


def _end(process: SpawnProcess) -> None:
    """Wait for the end of a process, and enforce it."""
    process.join(END_S)
    if process.is_alive():
        process.kill()
        process.join()


def _work(pipe: Connection, log: Path) -> None:
    """In a worker: one job after the other, until the pipe is closed."""
    end_with_parent()
    tqdm.set_lock(RLock())  # its own would be one between processes, which a worker that is ended leaves behind
    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        key = job.key

        def progress(done: int, total: int, key: str = key) -> None:
            pipe.send(Progressed(key, done, total))

        with printing_into(log):
            event = done(job, progress, log)
        pipe.send(event)
