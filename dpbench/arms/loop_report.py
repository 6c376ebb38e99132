"""What a control loop has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from dpbench.arms.percentiles import percentiles


@dataclass
class LoopReport:
    """What the loop has done since it was connected.

    Attributes:
        n_ticks: commands sent.
        n_late: ticks that missed their deadline.
        n_held: ticks at which no fresh waypoint was there, or the arm was behind, and it braked or held.
        n_refused: ticks at which it braked in front of the limits of its joints.
        intervals_s: time between ticks.
    """

    n_ticks: int = 0
    n_late: int = 0
    n_held: int = 0
    n_refused: int = 0
    intervals_s: list[float] = field(default_factory=list)

    def percentiles_s(self) -> dict[str, float]:
        """p50, p95 and p99 of the time between ticks."""
        return percentiles(self.intervals_s)
