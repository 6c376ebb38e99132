"""What a task's success is to be read against: what the cheapest policies reach, and what the task's script reaches."""

from __future__ import annotations

from dataclasses import dataclass

from dpbench.errors import ConfigError

NOTHING = 0.02
"""A floor up to here needs no reason."""


@dataclass(frozen=True)
class Floor:
    """What policies that know nothing reach on a task; a success near it says nothing. See `dpbench check floors`.

    Attributes:
        success: largest success of held actions and noise.
        replayed: largest success of a demonstration from another start that is replayed without looking; None for a
            task without a script.
        reason: why one of them is above 0.02, in one sentence; empty where none is.
    """

    success: float
    replayed: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if max(self.success, self.replayed or 0.0) > NOTHING and not self.reason:
            raise ConfigError(f"{self}: a floor above {NOTHING} needs a reason.")


@dataclass(frozen=True)
class Ceiling:
    """What a task's scripted demonstrator reaches.

    Attributes:
        success: share of episodes that it solves.
        steps: mean length of those, in control steps.
    """

    success: float
    steps: float
