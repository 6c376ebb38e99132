"""What success is to be read against, as `dpbench check floors` measured it (leaderboards/floors.json).

Simulation is slow, so that the floors are from a few starts (the file says how many) and the ceilings from 50. A task
that is missing here has not been measured.
"""

from __future__ import annotations

from dpbench.yardsticks import Ceiling, Floor

_LIFT = (
    "the cube must be 4 cm up at some step only, so that a hand which presses on it or hits it may make it jump; "
    "it lies within 3 cm of the same place, so that one path fits many starts"
)
YARDSTICKS: dict[str, tuple[Floor, Ceiling | None]] = {
    "CanAbs-v0": (Floor(0.0, 0.0), Ceiling(1.0, 175.6)),
    "LiftAbs-v1": (Floor(0.05, 0.6, _LIFT), Ceiling(1.0, 48.2)),
    "SquareAbs-v0": (Floor(0.0, 0.333, "the nut lies on a line of 12 cm; from 3 starts only"), Ceiling(1.0, 123.7)),
}
"""Pictures change nothing for a policy that does not look."""
