"""What success is to be read against, as `dpbench check floors` measured it (leaderboards/floors.json).

A task that is missing here has not been measured.
"""

from __future__ import annotations

from dpbench.yardsticks import Ceiling, Floor

YARDSTICKS: dict[str, tuple[Floor, Ceiling | None]] = {}
"""Pictures change nothing for a policy that does not look."""
