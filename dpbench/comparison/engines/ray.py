"""A Ray cluster as an engine: one that exists, or one of this machine's cores that ends with the run.

Ray starts processes on other machines, says when they are gone, and carries jobs and results. Which machine a job gets
is decided here, since `alone` and "would start at once" are questions that Ray's scheduler does not answer.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from dpbench.comparison.engines.engine import Event, Failed, Job, Needs, Progressed
from dpbench.comparison.engines.ray_address import check_answer
from dpbench.comparison.engines.ray_node import Seat, machine
from dpbench.comparison.engines.seats import Machine, Seating
from dpbench.errors import DpbenchError, MissingExtraError
from dpbench.plugins.failures import failure_of, message_of
from dpbench.registry import note

LOOK_S = 1.0
"""Between looks at which machines there are, s."""
JOIN_S = 60.0
"""Time for the first machine to say what it is, s; it starts Python and imports dpbench."""
END_S = 3.0
"""Time for idle seats to end by themselves, s."""
GONE_S = 300.0
"""Time for which jobs wait for a machine while none runs, s; a machine that was restarted joins within."""
STORE_BYTES = 80 * 2**20
"""Ray's shared memory on this machine when the cluster is ours: near Ray's least, since results are small."""
PASSED_ON = "DPBENCH_"
"""Variables of the environment that jobs see on every machine."""


class RayEngine:
    """An engine of a Ray cluster.

    Args:
        address: `HOST:PORT` of a cluster that exists, of which this machine is a node, or `auto`; None for a cluster
            of this machine alone.
        n_cpus: cores that jobs may take, where the cluster is of this machine alone.
    """

    def __init__(self, address: str | None, n_cpus: int) -> None:
        self._address, self._n_cpus = address, n_cpus
        self._folder: Path | None = None
        self._ray: Any = None
        self._looked_s = 0.0
        self._stuck_s: float | None = None  # since when nothing runs and nothing can begin
        self._seating: Seating[Any] = Seating()
        self._asked: dict[str, Any] = {}  # machine -> the answer that it owes
        self._refused: dict[str, str] = {}  # machine -> why it is not used
        self._streams: dict[str, Any] = {}  # job -> what its seat says

    def __enter__(self) -> RayEngine:
        """Connect, and wait for the first machine that can be used.

        Raises:
            MissingExtraError: without Ray.
            DpbenchError: for a cluster that does not answer, or has no machine that can be used.
        """
        if self._address is None:
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's name for: listen on the loopback only
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # or Ray sends statistics of use to its makers
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("--engine ray needs Ray; install it: pip install 'dpbench[ray]'.") from error
        self._ray = ray
        try:
            self._connect()
            self._wait_for_machines()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _connect(self) -> None:
        if self._ray.is_initialized():
            raise DpbenchError("this process is connected to a Ray cluster already; call ray.shutdown() first.")
        kept: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._address is None:
            # Not below TMPDIR: Ray puts sockets there, whose paths must be short.
            self._folder = Path(tempfile.mkdtemp(prefix="dpbench-ray-", dir="/tmp" if os.path.isdir("/tmp") else None))
            kept |= {"num_cpus": self._n_cpus, "object_store_memory": STORE_BYTES, "include_dashboard": False}
            kept |= {"_temp_dir": str(self._folder)}
        elif self._address != "auto":  # for which Ray looks on this machine only
            check_answer(self._address)
        try:
            with _signals_kept():
                self._ray.init(address=self._address or "local", **kept)
        except Exception as error:  # Ray has no class of its own for these
            which = f"the Ray cluster at {self._address}" if self._address else "a Ray cluster of this machine"
            raise DpbenchError(
                f"{which} cannot be used ({message_of(error)}); on a machine that is no node of it yet, "
                "run `ray start --address=HOST:PORT --num-cpus=0` first."
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all seats, and the cluster if it is ours."""
        ray = self._ray
        if ray is not None and ray.is_initialized():
            idle = self._seating.idle()
            with suppress(ray.exceptions.RayError):
                ends = [actor.end.remote() for actor in idle]
                if ends:
                    ray.wait(ends, num_returns=len(ends), timeout=END_S)
            for actor in self._seating.clear():
                with suppress(ray.exceptions.RayError):
                    ray.kill(actor)
            self._streams.clear()
            self._asked.clear()
            ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def has_room(self, needs: Needs) -> bool:
        """Whether such a job would start at once; where others use the cluster too, it may wait for them.

        Raises:
            ConfigError: for needs that no machine so far could meet.
            DpbenchError: when machines are lost, and none that could do it has come back within `GONE_S`.
        """
        self._look()
        if self._seating.has_room(needs) or self._streams:
            self._stuck_s = None
            return self._seating.has_room(needs)
        if self._stuck_s is None:
            self._stuck_s = time.monotonic()
            note(f"no machine of the Ray cluster is left that has room; one may join within {GONE_S:g} s.")
        if time.monotonic() > self._stuck_s + GONE_S:
            raise DpbenchError(
                f"no machine of the Ray cluster has had room for {GONE_S:g} s, and nothing runs; what is done is kept: "
                "start its machines again, then the same command."
            )
        return False

    def submit(self, job: Job) -> None:
        """Start a job on the machine with the most free cores."""
        ray = self._ray
        where = self._seating.place(job)
        for actor in where.evicted:
            ray.kill(actor)
        actor = where.seat
        if actor is None:
            placed = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(where.machine.key, soft=False)
            cpus = where.machine.cpus if job.needs.alone else job.needs.cpus
            passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
            actor = (
                ray.remote(Seat)
                .options(num_cpus=cpus, num_gpus=job.needs.gpus, scheduling_strategy=placed, max_restarts=0)
                .remote(os.getcwd(), passed)
            )
        self._seating.sit(job, where.machine, actor)
        self._streams[job.key] = actor.do.options(num_returns="streaming").remote(job)

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened since the last call."""
        ray = self._ray
        keys = list(self._streams)
        if not keys:
            time.sleep(timeout_s)
            return ()
        streams = [self._streams[key] for key in keys]
        ray.wait(streams, num_returns=1, timeout=timeout_s, fetch_local=False)
        ready, _ = ray.wait(streams, num_returns=len(streams), timeout=0, fetch_local=False)
        with_news = {id(stream) for stream in ready}
        return [self._heard(key) for key, stream in zip(keys, streams, strict=True) if id(stream) in with_news]

    def _heard(self, key: str) -> Event:
        """The next that a seat says of its job."""
        try:
            event: Event = self._ray.get(next(self._streams[key]))
        except (self._ray.exceptions.RayError, StopIteration) as error:
            del self._streams[key]
            host, actor = self._seating.remove(key)
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(actor)
            self._looked_s = 0.0
            if isinstance(error, self._ray.exceptions.RayTaskError):  # of the seat's code: another try ends the same
                why = failure_of(error.cause or error)
                return Failed(key, f"{host} could not begin it: {why}", str(error), lost=False)
            return Failed(key, f"its machine {host}, or Ray's process there, is gone", message_of(error), lost=True)
        if not isinstance(event, Progressed):
            del self._streams[key]
            self._seating.leave(key)
        return event

    def _wait_for_machines(self) -> None:
        deadline = time.monotonic() + JOIN_S
        while not self._seating.machines:
            self._looked_s = 0.0
            self._look()
            if self._refused and not self._asked and not self._seating.machines:
                raise DpbenchError(f"no machine of the Ray cluster can be used: {next(iter(self._refused.values()))}.")
            if time.monotonic() > deadline:
                raise DpbenchError(f"no machine of the Ray cluster with a free core has answered within {JOIN_S:g} s.")
            time.sleep(0.05)

    def _look(self) -> None:
        """See which machines are there, and ask new ones what they are."""
        if time.monotonic() < self._looked_s + LOOK_S:
            return
        self._looked_s = time.monotonic()
        alive = {one["NodeID"]: one for one in self._ray.nodes() if one["Alive"] and one["Resources"].get("CPU", 0) > 0}
        self._seating.keep_only(alive)
        for key in alive.keys() - self._seating.machines.keys() - self._asked.keys() - self._refused.keys():
            placed = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(key, soft=False)
            asking = self._ray.remote(machine).options(num_cpus=0, max_retries=0, scheduling_strategy=placed)
            self._asked[key] = asking.remote(os.getcwd())
        for key, answer in list(self._asked.items()):
            if key not in alive:
                del self._asked[key]
            elif self._ray.wait([answer], timeout=0)[0]:
                del self._asked[key]
                self._judge(alive[key], answer)

    def _judge(self, node: dict[str, Any], answer: Any) -> None:
        """Use a machine, unless its figures might differ from those of this one."""
        host, here = str(node["NodeManagerHostname"]), machine(os.getcwd())
        try:
            there: dict[str, str] = self._ray.get(answer)
        except Exception as error:  # of its Python: dpbench is not installed, for example
            self._refuse(node["NodeID"], f"{host} cannot import dpbench ({message_of(error)})")
            return
        differs = [f"{name} is {there.get(name)}, here {here[name]}" for name in here if there.get(name) != here[name]]
        if differs:
            self._refuse(node["NodeID"], f"on {host} {', '.join(differs)}")
            return
        resources = node["Resources"]
        self._seating.add(Machine(node["NodeID"], host, int(resources["CPU"]), float(resources.get("GPU", 0.0))))

    def _refuse(self, key: str, why: str) -> None:
        self._refused[key] = why
        note(f"a machine of the cluster is not used: {why}; install the same there.")


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; a command ends by its own handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
