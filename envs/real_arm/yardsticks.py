"""What success is to be read against, as `dpbench check floors` measured it (leaderboards/floors.json).

The floors are from three starts, the ceilings from 50.
"""

from __future__ import annotations

from dpbench.yardsticks import Ceiling, Floor

NOTHING = Floor(0.0, 0.0)
YARDSTICKS: dict[str, tuple[Floor, Ceiling]] = {
    "RealArm-v0": (NOTHING, Ceiling(1.0, 77.4)),
    "RealArmVelocity-v0": (NOTHING, Ceiling(1.0, 70.7)),
}
"""Pictures change nothing for a policy that does not look."""
