"""What runs on the machines of a Ray cluster: a seat for one job at a time, and what such a machine says of itself."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from dpbench.comparison.engines.engine import Event, Job, Progressed
from dpbench.comparison.engines.local import LocalEngine
from dpbench.provenance import commit, versions

PROGRESS_S = 1.0
"""How often a running job is heard of, s; a thousand of them are then a thousand small messages a second."""


class Seat:
    """An actor that does one job at a time in a worker process of its own, exactly as one machine alone does.

    So a job that crashes ends neither the actor nor its log, and the next job finds everything imported.

    Args:
        folder: working folder, in which the paths of jobs are looked up.
        environment: variables that jobs see.
    """

    def __init__(self, folder: str, environment: Mapping[str, str]) -> None:
        os.chdir(folder)
        os.environ.update(environment)
        self._engine = LocalEngine(n_cpus=1).__enter__()

    def do(self, job: Job) -> Iterator[Event]:
        """Do a job; how far it is, at most once in `PROGRESS_S`, and at last how it ended."""
        self._engine.submit(job)
        told_s = -PROGRESS_S
        while True:
            for event in self._engine.wait(PROGRESS_S):
                if not isinstance(event, Progressed):
                    yield event
                    return
                if time.monotonic() >= told_s + PROGRESS_S:
                    told_s = time.monotonic()
                    yield event

    def end(self) -> None:
        """End its worker process."""
        self._engine.__exit__(None, None, None)


def machine(folder: str) -> dict[str, str]:
    """What figures depend on and may differ between machines: versions, without suffixes such as `+cpu`, and commit.

    Args:
        folder: the working folder of whoever asks, which has to be here as well.
    """
    found = {name: (number or "none").partition("+")[0] for name, number in versions().items()}
    there = "there" if os.path.isdir(folder) else "missing"
    return {**found, "commit": str(commit()["id"] or "none"), f"the folder {folder}": there}
