"""What success is to be read against, as `dpbench check floors` measured it (leaderboards/floors.json).

Simulation is slow, so that the floors are from a few starts (the file says how many) and the ceilings from 50.
"""

from __future__ import annotations

from dpbench.yardsticks import Ceiling, Floor

NOTHING, NOTHING_EITHER_WAY = Floor(0.0), Floor(0.0, 0.0)
_PLACE = "the cube lies within 3 cm of the same place, so that one path fits many starts"
_JUMP = "the cube must be 4 cm up at some step only, and a hand that presses on it or hits it makes it jump"
_LINE = "the nut lies on a line of 12 cm, so that one path fits some starts"
YARDSTICKS: dict[str, tuple[Floor, Ceiling | None]] = {
    "Lift-v0": (Floor(0.0, 0.5, _PLACE), Ceiling(1.0, 48.2)),
    "LiftAbs-v1": (Floor(0.05, 0.6, f"{_JUMP}; {_PLACE}"), Ceiling(1.0, 48.2)),
    "LiftAbs-v0": (Floor(0.6, 0.667, f"{_JUMP}, the more so as a goal may be anywhere; {_PLACE}"), Ceiling(1.0, 48.2)),
    "Can-v0": (NOTHING_EITHER_WAY, Ceiling(1.0, 175.7)),
    "CanAbs-v0": (NOTHING_EITHER_WAY, Ceiling(1.0, 175.6)),
    "Square-v0": (Floor(0.0, 0.1, _LINE), Ceiling(0.98, 122.3)),
    "SquareAbs-v0": (Floor(0.0, 0.1, _LINE), Ceiling(1.0, 123.7)),
    "ToolHang-v0": (NOTHING, None),
    "ToolHangAbs-v0": (NOTHING, None),
    "Transport-v0": (NOTHING, None),
    "TransportAbs-v0": (NOTHING, None),
}
"""Pictures change nothing for a policy that does not look."""
