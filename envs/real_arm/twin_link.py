"""The host's link to the digital twin, and a twin that runs in the host's own process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .channel import Faults
from .controller import Controller, Kind
from .scene import RATE_HZ


class TwinLink(Protocol):
    """The link to a twin in this process or in one of its own."""

    @property
    def alive(self) -> bool:
        """Whether the twin runs."""
        ...

    @property
    def pid(self) -> int | None:
        """Id of the twin's process, if it has one of its own."""
        ...

    def clock(self) -> float:
        """The clock of the time stamps in its states, s."""
        ...

    def state(self) -> Sequence[float]:
        """The newest state that has arrived, `controller.N_STATE` numbers."""
        ...

    def scene(self) -> Sequence[float]:
        """The true scene, `controller.N_SCENE` numbers."""
        ...

    def post(self, kind: Kind, *numbers: float) -> None:
        """Send a message without waiting; raises ConnectionError if the twin has ended."""
        ...

    def ask(self, kind: Kind, *numbers: float) -> None:
        """Send a message other than a command and wait until it has been handled; raises ConnectionError as `post`."""
        ...

    def close(self) -> None:
        """End the twin; can be called twice."""
        ...


class InProcessTwin:
    """A twin that moves one tick per commanded pose; for training, evaluation and exact tests.

    Its time restarts at every reset, so that episodes repeat bit for bit.

    Args:
        faults: of the link and the arm from the start.
        seed: of the scene and of the link's random faults.
    """

    pid: int | None = None

    def __init__(self, faults: Faults, seed: int) -> None:
        self._controller: Controller | None = Controller(faults, seed, 0.0)
        self._n_ticks = 0

    @property
    def alive(self) -> bool:
        """True until it crashes or is closed."""
        return self._controller is not None

    def clock(self) -> float:
        """The twin's own time, s since its reset."""
        return self._n_ticks / RATE_HZ

    def state(self) -> Sequence[float]:
        """See `TwinLink`."""
        return self._running().state

    def scene(self) -> Sequence[float]:
        """See `TwinLink`."""
        return self._running().scene(self.clock())

    def post(self, kind: Kind, *numbers: float) -> None:
        """See `TwinLink`; a pose is also a tick."""
        controller = self._running()
        if kind == Kind.RESET:
            self._n_ticks = 0
        controller.handle(kind, numbers, self.clock())
        if kind == Kind.POSE:
            self._n_ticks += 1
            controller.tick(self.clock())
        if controller.faults.crash:
            self.close()

    def ask(self, kind: Kind, *numbers: float) -> None:
        """See `TwinLink`."""
        self.post(kind, *numbers)

    def close(self) -> None:
        """See `TwinLink`."""
        self._controller = None

    def _running(self) -> Controller:
        if self._controller is None:
            raise ConnectionError("the digital twin has ended")
        return self._controller
