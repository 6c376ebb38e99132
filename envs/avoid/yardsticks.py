"""What success is to be read against, as `dpbench check floors` measured it (leaderboards/floors.json)."""

from __future__ import annotations

from dpbench.yardsticks import Ceiling, Floor

from .scene import CLOSED, OPEN, Course

YARDSTICKS: dict[Course, tuple[Floor, Ceiling]] = {
    CLOSED: (
        Floor(0.0, 1.0, "as in D3IL every episode starts nearly alike, so that a path needs no feedback"),
        Ceiling(1.0, 54.0),
    ),
    OPEN: (
        Floor(1.0, 1.0, "the target may jump, and a straight line passes the rows on the outside"),
        Ceiling(1.0, 39.0),
    ),
}
