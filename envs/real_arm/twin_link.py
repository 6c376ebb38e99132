"""A twin as its host sees it, and the one that runs in the host's own process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .channel import Faults
from .controller import Controller, Kind
from .scene import RATE_HZ


class Station(Protocol):
    """A twin, here or in a process of its own."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        ...

    @property
    def pid(self) -> int | None:
        """Of its process, if it has one of its own."""
        ...

    def clock(self) -> float:
        """The time that its states are stamped with, s."""
        ...

    def state(self) -> Sequence[float]:
        """The newest state that has come through, `controller.N_STATE` numbers."""
        ...

    def scene(self) -> Sequence[float]:
        """The truth, `controller.N_SCENE` numbers."""
        ...

    def post(self, kind: Kind, *numbers: float) -> None:
        """Send a message and go on; raises ConnectionError when the twin is gone."""
        ...

    def ask(self, kind: Kind, *numbers: float) -> None:
        """Send a message that is no command, and wait until it is done; raises ConnectionError as `post`."""
        ...

    def close(self) -> None:
        """End it; can be called twice."""
        ...


class InProcessTwin:
    """A twin that moves one tick a commanded pose and stands still in between; for training and for exact tests.

    Its time starts anew at every reset, so that episodes repeat to the last bit.

    Args:
        faults: of the link and the arm from the start.
        seed: of the scene and of chance on the link.
    """

    pid: int | None = None

    def __init__(self, faults: Faults, seed: int) -> None:
        self._controller: Controller | None = Controller(faults, seed, 0.0)
        self._n_ticks = 0

    @property
    def alive(self) -> bool:
        """Until it crashes or is closed."""
        return self._controller is not None

    def clock(self) -> float:
        """The twin's own time, s since it was reset."""
        return self._n_ticks / RATE_HZ

    def state(self) -> Sequence[float]:
        """See `Station`."""
        return self._living().state

    def scene(self) -> Sequence[float]:
        """See `Station`."""
        return self._living().scene(self.clock())

    def post(self, kind: Kind, *numbers: float) -> None:
        """See `Station`; a pose is also a tick."""
        controller = self._living()
        if kind == Kind.RESET:
            self._n_ticks = 0
        controller.handle(kind, numbers, self.clock())
        if kind == Kind.POSE:
            self._n_ticks += 1
            controller.tick(self.clock())
        if controller.faults.crash:
            self.close()

    def ask(self, kind: Kind, *numbers: float) -> None:
        """See `Station`."""
        self.post(kind, *numbers)

    def close(self) -> None:
        """See `Station`."""
        self._controller = None

    def _living(self) -> Controller:
        if self._controller is None:
            raise ConnectionError("the simulated arm is gone")
        return self._controller
