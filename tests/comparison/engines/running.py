"""Runs jobs on an engine as a suite does: whatever has room is submitted, until all have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dpbench.comparison.engines.engine import Engine, Event, Failed, Finished, Job, Progressed

MAX_S = 240.0


def ended(
    engine: Engine, jobs: Sequence[Job], on_event: Callable[[Event], object] = lambda _: None
) -> dict[str, Finished | Failed]:
    """How each job ended, by its key; the engine has been entered."""
    waiting, ends, until = list(jobs), dict[str, Finished | Failed](), time.monotonic() + MAX_S
    while len(ends) < len(jobs):
        for job in [one for one in waiting if engine.has_room(one.needs)]:
            if engine.has_room(job.needs):
                engine.submit(job)
                waiting.remove(job)
        for event in engine.wait(0.5):
            on_event(event)
            if not isinstance(event, Progressed):
                assert event.key not in ends
                ends[event.key] = event
        assert time.monotonic() < until, f"still running: {[job.key for job in jobs if job.key not in ends]}"
    return ends
