"""What runs the jobs of a suite: the one door that processes of this machine, Ray and Slurm fit.

An engine starts jobs where there is room for them and says what becomes of them. It decides nothing else: which jobs
there are, in which order, what is tried again and what is kept belongs to the suite, which is the same on every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

ENGINES = ("local", "ray", "slurm")
"""Names that `dpbench.comparison.engines.choosing` knows."""
Progress = Callable[[int, int], object]
"""`(done, total)` of a running job, in episodes or gradient steps."""
Work = Callable[[Progress], object]
"""Does a job in the process that it is given; it and what it returns are pickled. Errors are told by raising."""


@dataclass(frozen=True)
class Needs:
    """What a job takes of a machine.

    Attributes:
        cpus: cores.
        gpus: GPUs, or a share of one.
        alone: nothing else may run on its machine meanwhile, as for the timing of a policy.
    """

    cpus: int = 1
    gpus: float = 0.0
    alone: bool = False


def gpus_of(device: str) -> float:
    """What a policy on a torch device takes of a machine's GPUs."""
    return 1.0 if device.startswith("cuda") else 0.0


def fits_beside(running: Sequence[Needs], needs: Needs, n_cpus: int) -> bool:
    """Whether a machine with so many cores has room for a job; where nothing runs, every job has its turn."""
    if not running:
        return True
    if needs.alone or any(one.alone for one in running):
        return False
    return sum(one.cpus for one in running) + needs.cpus <= n_cpus


@dataclass(frozen=True)
class Job:
    """One piece of work that a single process does.

    Attributes:
        key: SHA-256 of everything that decides its result.
        title: for people.
        work: what is done.
        needs: of a machine.
    """

    key: str
    title: str
    work: Work
    needs: Needs = Needs()


@dataclass(frozen=True)
class Progressed:
    """A running job says how far it is."""

    key: str
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """A job has returned."""

    key: str
    result: object


@dataclass(frozen=True)
class Failed:
    """A job has raised, or its process or machine is gone.

    Attributes:
        key: of the job.
        reason: one sentence.
        log: the last that it printed, with a traceback where there is one.
        lost: its process or machine is gone, which another try may mend; False where the work itself raised.
    """

    key: str
    reason: str
    log: str
    lost: bool


Event = Progressed | Finished | Failed


class Engine(Protocol):
    """Runs jobs; a context, which ends all that still runs when it is left."""

    def __enter__(self) -> Engine:
        """Connect, and start what is needed.

        Raises:
            DpbenchError: in one line, for a cluster that does not answer, or an extra that is not installed.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        ...

    def has_room(self, needs: Needs) -> bool:
        """Whether such a job would start at once.

        Raises:
            DpbenchError: for needs that no machine of the engine can ever meet.
        """
        ...

    def submit(self, job: Job) -> None:
        """Start a job."""
        ...

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened since the last call; waits for something, but not longer than that."""
        ...
