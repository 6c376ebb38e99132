"""The link between the digital twin and its host, with messages that are late, lost or out of order."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from dpbench.errors import ConfigError

Message = TypeVar("Message")
ROUNDING_S = 1e-9
"""Sums of times differ in their last bits; without this margin they would decide at which tick a message arrives."""


@dataclass(frozen=True)
class Faults:
    """Injected faults of the link (in both directions) and of the arm. The last four are flags, sent as numbers.

    Attributes:
        latency_s: delay of every message.
        jitter_s: additional delay, drawn uniformly from 0 to this; messages stay in order.
        drop_share: fraction of messages that are lost.
        reorder_share: fraction of messages that arrive after the next one.
        frozen: the measured state does not change any more, but the arm moves.
        protective_stop: the arm brakes and holds, and reports it, until it is connected again.
        disconnected: no message arrives.
        crash: the twin's process dies.
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
            raise ConfigError(f"{self}: expected fractions from 0 to 1.")


class Channel(Generic[Message]):
    """One direction of the link. The receiver takes the newest message and drops older ones that arrive after it.

    Args:
        faults: of the link; may be replaced at any time.
        rng: decides which messages are affected.
    """

    def __init__(self, faults: Faults, rng: np.random.Generator) -> None:
        self.faults = faults
        self._rng = rng
        self._in_flight: deque[tuple[float, int, Message]] = deque()
        self._held_back: tuple[int, Message] | None = None
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
        if self._held_back is None and reordered < faults.reorder_share:
            self._held_back = number, message
            return
        self._due_s = max(self._due_s, now_s + faults.latency_s + faults.jitter_s * late)
        self._in_flight.append((self._due_s, number, message))
        if self._held_back is not None:
            self._in_flight.append((self._due_s, *self._held_back))
            self._held_back = None

    def newest(self, now_s: float) -> Message | None:
        """The newest message that has arrived since the last call, or None."""
        newest = None
        while self._in_flight and self._in_flight[0][0] <= now_s + ROUNDING_S:
            _, number, message = self._in_flight.popleft()
            if number > self._newest and not self.faults.disconnected:
                self._newest, newest = number, message
        return newest

    def clear(self) -> None:
        """Drop all messages that have not arrived."""
        self._in_flight.clear()
        self._held_back = None
