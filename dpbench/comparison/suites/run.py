"""The run of a suite: which stage is done next, what is tried again, and what is kept. The same on every engine.

Everything that is done is on the disk before the next thing begins, so a run that is killed at any moment goes on where
it was. Each stage is done by one process at a time, which holds the stage's lock: a second run of the same suite works
on other stages meanwhile, waits for the rest, and takes over what the first does not finish.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from dpbench.comparison.engines.engine import Engine, Event, Failed, Job, Needs, Progressed
from dpbench.comparison.suites.stage import Stage
from dpbench.comparison.suites.store import Store
from dpbench.errors import ConfigError, DataError, DpbenchError

TRIES = 3
"""How often a stage is begun whose process or machine is lost each time."""
POLL_S = 0.5
"""Time after which stages that another process works on are looked at again, s."""


@dataclass(frozen=True)
class Told:
    """Something that happened, for the display.

    Attributes:
        what: `started`, `progress`, `done` (just now, or before), `again` (its process was lost), `failed`, or
            `elsewhere` (another process works on it).
        stage: of a cell.
        done: episodes or gradient steps so far.
        total: of those; 0 where it is not known.
        reason: why it failed, or is tried again.
    """

    what: Literal["started", "progress", "done", "again", "failed", "elsewhere"]
    stage: Stage
    done: int = 0
    total: int = 0
    reason: str = ""


@dataclass(frozen=True)
class FailedStage:
    """A stage that failed; the evaluations that need it have no result.

    Attributes:
        stage: that failed.
        reason: one sentence.
        log: path of what it printed.
    """

    stage: Stage
    reason: str
    log: str


def run(
    stages: Sequence[Stage], store: Store, engine: Engine, on_told: Callable[[Told], object] = lambda _: None
) -> tuple[FailedStage, ...]:
    """Do all stages and what follows from them.

    Args:
        stages: to begin with.
        store: keeps what is done.
        engine: does it; it is entered only where something is to be done.
        on_told: told what happens.

    Returns:
        What failed; the next run tries it again.

    Raises:
        DpbenchError: when the engine cannot be used, or the store cannot be written; what is done is kept.
    """
    running = _Run(store, engine, on_told)
    for stage in stages:
        running.admit(stage)
    if running.is_over():
        return tuple(running.failed)
    with running.locked, engine:  # the locks are released after the engine has ended its jobs
        store.clean()
        while not running.is_over():
            running.start()
            running.hear()
    return tuple(running.failed)


class _Run:
    """What is left to do, and what is being done.

    Attributes:
        failed: stages that failed.
        locked: holds the locks of all running stages, for when the run ends early.
    """

    def __init__(self, store: Store, engine: Engine, on_told: Callable[[Told], object]) -> None:
        self._store, self._engine, self._tell = store, engine, on_told
        self._waiting: dict[Needs, deque[Stage]] = {}
        self._elsewhere: dict[str, Stage] = {}
        self._running: dict[str, tuple[Stage, ExitStack]] = {}
        self._tries: dict[str, int] = {}
        self._looked_s = 0.0
        self.failed: list[FailedStage] = []
        self.locked = ExitStack()
        self.locked.callback(self._release_all)

    def is_over(self) -> bool:
        """Whether nothing is left."""
        return not (self._running or self._elsewhere or any(self._waiting.values()))

    def admit(self, stage: Stage) -> None:
        """Take a stage on; of one that is done already, what follows from it."""
        try:
            if not stage.is_done():
                self._waiting.setdefault(stage.needs, deque()).append(stage)
                return
            following = stage.following()
        except DpbenchError as error:
            self._fail(stage, str(error))
            return
        self._tell(Told("done", stage))
        for one in following:
            self.admit(one)

    def start(self) -> None:
        """Start stages while there is room; those that want a machine for themselves come last."""
        if self._elsewhere and time.monotonic() > self._looked_s + POLL_S:
            self._looked_s = time.monotonic()
            for stage in list(self._elsewhere.values()):
                self._begin(stage)
        for needs in sorted(self._waiting, key=lambda one: one.alone):
            waiting = self._waiting[needs]
            while waiting and self._has_room(waiting[0]):
                self._begin(waiting.popleft())

    def hear(self) -> None:
        """Wait a little, and deal with what has happened."""
        if not self._running:
            time.sleep(0.0 if self.is_over() else POLL_S)
            return
        for event in self._engine.wait(POLL_S):
            self._deal_with(event)

    def _has_room(self, stage: Stage) -> bool:
        try:
            return self._engine.has_room(stage.needs)
        except ConfigError as error:  # no machine can do any of these
            for one in self._waiting.pop(stage.needs):
                self._fail(one, str(error))
            self._waiting[stage.needs] = deque()
            return False

    def _begin(self, stage: Stage) -> None:
        """Start a stage under its lock, unless another process works on it or has done it meanwhile."""
        lock = ExitStack()
        if not lock.enter_context(self._store.working_on(stage.key)):
            if stage.key not in self._elsewhere:
                self._tell(Told("elsewhere", stage))
            self._elsewhere[stage.key] = stage
            return
        was_elsewhere = self._elsewhere.pop(stage.key, None) is not None
        with lock:
            if was_elsewhere or stage.is_done():
                self.admit(stage)  # with what is on the disk now
                return
            self._running[stage.key] = (stage, lock.pop_all())
        self._tries[stage.key] = self._tries.get(stage.key, 0) + 1
        self._tell(Told("started", stage))
        self._engine.submit(Job(stage.key, stage.title, stage.work(), stage.needs))

    def _deal_with(self, event: Event) -> None:
        stage, lock = self._running[event.key]
        if isinstance(event, Progressed):
            self._tell(Told("progress", stage, event.done, event.total))
            return
        with lock:
            if isinstance(event, Failed):
                self._failed_or_again(stage, event)
            else:
                self._keep(stage, event.result)
        del self._running[event.key]

    def _keep(self, stage: Stage, result: object) -> None:
        try:
            stage.keep(result)
        except DataError as error:  # of this result; a disk that cannot be written ends the run
            self._fail(stage, str(error))
            return
        self._store.drop_failure(stage.key)
        self.admit(stage)

    def _failed_or_again(self, stage: Stage, event: Failed) -> None:
        if event.lost and self._tries[stage.key] < TRIES:
            self._tell(Told("again", stage, reason=event.reason))
            self._waiting.setdefault(stage.needs, deque()).appendleft(stage)
            return
        times = f" ({TRIES} times)" if event.lost else ""
        self._fail(stage, f"{event.reason}{times}", event.log)

    def _fail(self, stage: Stage, reason: str, log: str = "") -> None:
        path = self._store.keep_failure(stage.key, {"title": stage.title, "reason": reason}, log or f"{reason}\n")
        self.failed.append(FailedStage(stage, reason, str(path)))
        self._tell(Told("failed", stage, reason=reason))

    def _release_all(self) -> None:
        for _, lock in self._running.values():
            lock.close()
