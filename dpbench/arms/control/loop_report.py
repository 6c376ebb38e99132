"""What a control loop has done."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from dpbench.metrics.statistics.percentiles import percentiles

KEPT = 100_000
"""Ticks whose times are remembered: three minutes at 500 Hz; an arm may stay connected for days."""


@dataclass
class LoopReport:
    """What the loop has done since it was connected.

    Attributes:
        n_ticks: commands sent.
        n_late: ticks that missed their deadline.
        n_held: ticks at which no fresh waypoint was there, or the arm was behind, and it braked or held.
        n_refused: ticks at which it braked in front of the limits of its joints.
        intervals_s: time between the last ticks.
    """

    n_ticks: int = 0
    n_late: int = 0
    n_held: int = 0
    n_refused: int = 0
    intervals_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def percentiles_s(self) -> dict[str, float]:
        """p50, p95 and p99 of the time between ticks."""
        return percentiles(tuple(self.intervals_s))
