"""The Franka Hand, in a thread of its own, since each of its calls takes longer than a servo period."""

from __future__ import annotations

import threading
from typing import Any

MAX_WIDTH_M, SPEED_M_S, STEP_M, EVERY_S = 0.08, 0.1, 0.005, 0.05
"""Maximum opening, speed, smallest change that is executed, and period of its updates."""


class FrankaHand:
    """The hand, opened and closed by a thread.

    Args:
        gripper: franky's gripper.
        lost: exception that it raises if the connection is lost.

    Attributes:
        width_m: measured opening.
        wanted_m: commanded opening.
        lost: whether the connection is lost.
    """

    def __init__(self, gripper: Any, lost: type[Exception]) -> None:
        self._gripper, self._error = gripper, lost
        self.width_m = self.wanted_m = self._sent_m = float(gripper.width)
        self.lost = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="Franka Hand", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        moving: Any = None
        try:
            while not self._end.wait(EVERY_S):
                self.width_m = float(self._gripper.width)
                wanted_m, is_free = self.wanted_m, moving is None or moving.wait(0.0)
                if is_free and abs(wanted_m - self._sent_m) > STEP_M:
                    self._sent_m = wanted_m
                    moving = self._gripper.move_async(wanted_m, SPEED_M_S)
        except self._error:
            self.lost = True
