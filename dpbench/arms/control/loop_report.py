"""Statistics of a control loop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from dpbench.metrics.statistics.percentiles import percentiles

MAX_INTERVALS = 100_000
"""Three minutes at 500 Hz. Older ones are dropped, since an arm may stay connected for days."""


@dataclass
class LoopReport:
    """What the loop has done since it was connected.

    Attributes:
        n_ticks: commands sent.
        n_late: ticks that missed their deadline.
        n_held: ticks at which the arm braked or held, because there was no fresh waypoint or the arm was behind.
        n_refused: ticks at which the arm braked because its joints would have left their limits.
        intervals_s: times between the last ticks.
    """

    n_ticks: int = 0
    n_late: int = 0
    n_held: int = 0
    n_refused: int = 0
    intervals_s: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_INTERVALS))

    def percentiles_s(self) -> dict[str, float]:
        """p50, p95 and p99 of the time between ticks."""
        return percentiles(tuple(self.intervals_s))
