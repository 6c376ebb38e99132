"""A stage of a cell: the training of a policy, its episodes, or its timing. What the run of a suite is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dpbench.comparison.engines.engine import Needs, Work


class Stage(Protocol):
    """One piece of work whose result is kept; what follows from it is known when it is done."""

    @property
    def key(self) -> str:
        """SHA-256 of everything that decides the result."""
        ...

    @property
    def title(self) -> str:
        """For people: what is done, and of what."""
        ...

    @property
    def needs(self) -> Needs:
        """Of a machine."""
        ...

    def is_done(self) -> bool:
        """Whether the result is kept; read from the disk each time, since others may have made it."""
        ...

    def work(self) -> Work:
        """What makes the result, for the process that does it."""
        ...

    def keep(self, result: object) -> None:
        """Keep what `work` returned.

        Raises:
            DpbenchError: when it cannot be written.
        """
        ...

    def following(self) -> Sequence[Stage]:
        """The stages that the kept result makes possible.

        Raises:
            DpbenchError: when the kept result cannot be used.
        """
        ...

    def lost(self) -> Sequence[str]:
        """Titles of the evaluations that there will not be when this stage fails."""
        ...
