"""What success is to be read against, as `dpbench check floors` measured it (leaderboards/floors.json)."""

from __future__ import annotations

from dpbench.yardsticks import Ceiling, Floor

NOTHING = Floor(0.0, 0.0)
YARDSTICKS: dict[str, tuple[Floor, Ceiling]] = {
    "BlockPush-v1": (NOTHING, Ceiling(1.0, 134.2)),
    "BlockPushAbs-v1": (NOTHING, Ceiling(1.0, 134.2)),
    "BlockPush-v0": (NOTHING, Ceiling(1.0, 93.1)),
    "BlockPushAbs-v0": (NOTHING, Ceiling(1.0, 93.9)),
}
"""Pictures change nothing for a policy that does not look."""
