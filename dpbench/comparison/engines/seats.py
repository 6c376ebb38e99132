"""Who sits where: which machine of a cluster has room for a job, and which idle seat it takes.

A seat is whatever does jobs on a machine, one after the other, and keeps its share of it while it waits. Plain
bookkeeping, so that it can be tested without a cluster.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dpbench.comparison.engines.engine import Job, Needs
from dpbench.errors import ConfigError

Handle = TypeVar("Handle")
Share = tuple[int, float]
"""Cores and GPUs."""


@dataclass(frozen=True)
class Machine:
    """A machine of a cluster.

    Attributes:
        key: of the cluster's own.
        host: its name, for people.
        cpus: cores.
        gpus: of it.
    """

    key: str
    host: str
    cpus: int
    gpus: float

    def share(self, needs: Needs) -> Share:
        """What a job takes of it: all cores where it wants to be alone."""
        return (self.cpus if needs.alone else needs.cpus), needs.gpus


@dataclass
class _Seat(Generic[Handle]):
    """A seat, its share of a machine, and the key of the job that it does, None while it waits."""

    handle: Handle
    machine: Machine
    share: Share
    job: str | None


@dataclass(frozen=True)
class Place(Generic[Handle]):
    """Where a job goes.

    Attributes:
        machine: that it runs on.
        seat: an idle one that it takes; None where a new one is made.
        evicted: idle seats that are ended first.
    """

    machine: Machine
    seat: Handle | None
    evicted: tuple[Handle, ...] = ()


@dataclass
class Seating(Generic[Handle]):
    """The machines of a cluster and the seats on them.

    Attributes:
        machines: that can be used, by their key.
    """

    machines: dict[str, Machine] = field(default_factory=dict)
    _seats: list[_Seat[Handle]] = field(default_factory=list)
    _largest: Needs = field(default_factory=lambda: Needs(cpus=0))

    def add(self, machine: Machine) -> None:
        """Use a machine."""
        self.machines[machine.key] = machine
        largest = self._largest
        self._largest = Needs(max(largest.cpus, machine.cpus), max(largest.gpus, machine.gpus))

    def keep_only(self, alive: Container[str]) -> None:
        """Forget machines that are gone, and the idle seats on them; the engine tells of jobs that ran there."""
        self.machines = {key: machine for key, machine in self.machines.items() if key in alive}
        self._seats = [seat for seat in self._seats if seat.job is not None or seat.machine.key in alive]

    def has_room(self, needs: Needs) -> bool:
        """Whether a machine could begin such a job now.

        Raises:
            ConfigError: when no machine that was ever there could.
        """
        if needs.cpus > self._largest.cpus or needs.gpus > self._largest.gpus:
            raise ConfigError(
                f"it needs {needs.cpus} cores and {needs.gpus:g} GPUs on one machine; the cluster's largest has "
                f"{self._largest.cpus} and {self._largest.gpus:g}; add a larger one, or choose fewer threads."
            )
        return any(self._fits(machine, needs) for machine in self.machines.values())

    def place(self, job: Job) -> Place[Handle]:
        """A place for a job that there is room for: an idle seat of the same share, else the emptiest machine."""
        fitting = [machine for machine in self.machines.values() if self._fits(machine, job.needs)]
        for seat in self._seats:
            if seat.job is None and seat.machine in fitting and seat.share == seat.machine.share(job.needs):
                return Place(seat.machine, seat.handle)
        machine = max(fitting, key=lambda one: one.cpus - self._taken(one, busy=True)[0])
        return Place(machine, None, tuple(self._evicted(machine, machine.share(job.needs))))

    def _evicted(self, machine: Machine, share: Share) -> Iterator[Handle]:
        """End as many idle seats as are in the way of a new one."""
        for seat in [one for one in self._seats if one.machine.key == machine.key and one.job is None]:
            cpus, gpus = self._taken(machine, busy=False)
            if cpus + share[0] <= machine.cpus and gpus + share[1] <= machine.gpus:
                return
            self._seats.remove(seat)
            yield seat.handle

    def sit(self, job: Job, machine: Machine, handle: Handle) -> None:
        """A job begins in a seat, which is new or has been idle."""
        self._seats = [seat for seat in self._seats if seat.handle is not handle]
        self._seats.append(_Seat(handle, machine, machine.share(job.needs), job.key))

    def leave(self, key: str) -> None:
        """A job has ended; its seat waits for another one."""
        self._of(key).job = None

    def remove(self, key: str) -> tuple[str, Handle]:
        """A job's seat is gone.

        Returns:
            Name of its machine, and the seat.
        """
        seat = self._of(key)
        self._seats.remove(seat)
        return seat.machine.host, seat.handle

    def idle(self) -> list[Handle]:
        """Seats without a job."""
        return [seat.handle for seat in self._seats if seat.job is None]

    def clear(self) -> list[Handle]:
        """Forget all seats, and return them."""
        seats, self._seats = self._seats, []
        return [seat.handle for seat in seats]

    def _of(self, key: str) -> _Seat[Handle]:
        return next(seat for seat in self._seats if seat.job == key)

    def _taken(self, machine: Machine, *, busy: bool) -> Share:
        """What seats have of a machine: those with a job, or all."""
        seats = [seat for seat in self._seats if seat.machine.key == machine.key and (seat.job is not None or not busy)]
        return sum(seat.share[0] for seat in seats), sum(seat.share[1] for seat in seats)

    def _fits(self, machine: Machine, needs: Needs) -> bool:
        taken, share = self._taken(machine, busy=True), machine.share(needs)
        return taken[0] + share[0] <= machine.cpus and taken[1] + share[1] <= machine.gpus
