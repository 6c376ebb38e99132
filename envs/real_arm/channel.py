"""What can go wrong between an arm and its host: messages late, lost or out of order, and the arm itself."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from dpbench.errors import ConfigError

Message = TypeVar("Message")
ROUNDING_S = 1e-9
"""Sums of times differ in their last bits; without this the tick that a message comes at would hang on them."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong, either way, from now on; the last four are flags, which travel as numbers like the rest.

    Attributes:
        latency_s: every message comes so much later.
        jitter_s: and up to so much more, drawn evenly; their order stays.
        drop_share: share of the messages that are lost.
        reorder_share: share of the messages that come behind their next one.
        frozen: the arm measures nothing new, but still moves.
        protective_stop: the arm brakes and holds, and says so, until it is connected anew.
        disconnected: no message passes.
        crash: the arm's process dies.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    drop_share: float = 0.0
    reorder_share: float = 0.0
    frozen: float = False
    protective_stop: float = False
    disconnected: float = False
    crash: float = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) and value >= 0.0 for value in (self.latency_s, self.jitter_s)):
            raise ConfigError(f"{self}: expected times of 0 s or more.")
        if not all(0.0 <= value <= 1.0 for value in (self.drop_share, self.reorder_share)):
            raise ConfigError(f"{self}: expected shares from 0 to 1.")


class Channel(Generic[Message]):
    """One way between two parties; the receiver takes the newest message and drops older ones that come after it.

    Args:
        faults: what goes wrong; may be replaced at any time.
        rng: chance.
    """

    def __init__(self, faults: Faults, rng: np.random.Generator) -> None:
        self.faults = faults
        self._rng = rng
        self._under_way: deque[tuple[float, int, Message]] = deque()
        self._kept: tuple[int, Message] | None = None
        self._due_s = -math.inf
        self._n_sent = 0
        self._newest = -1

    def put(self, now_s: float, message: Message) -> None:
        """Send a message."""
        faults = self.faults
        dropped, reordered, late = self._rng.random(3).tolist()
        number, self._n_sent = self._n_sent, self._n_sent + 1
        if faults.disconnected or dropped < faults.drop_share:
            return
        if self._kept is None and reordered < faults.reorder_share:
            self._kept = number, message
            return
        self._due_s = max(self._due_s, now_s + faults.latency_s + faults.jitter_s * late)
        self._under_way.append((self._due_s, number, message))
        if self._kept is not None:
            self._under_way.append((self._due_s, *self._kept))
            self._kept = None

    def newest(self, now_s: float) -> Message | None:
        """The newest message that has come since the last call; None without one."""
        newest = None
        while self._under_way and self._under_way[0][0] <= now_s + ROUNDING_S:
            _, number, message = self._under_way.popleft()
            if number > self._newest and not self.faults.disconnected:
                self._newest, newest = number, message
        return newest

    def clear(self) -> None:
        """Lose all that is under way."""
        self._under_way.clear()
        self._kept = None
