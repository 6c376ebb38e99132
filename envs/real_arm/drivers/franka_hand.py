"""The Franka Hand in a thread of its own: each of its calls takes longer than a servo period."""

from __future__ import annotations

import threading
from typing import Any

WIDEST_M, SPEED_M_S, STEP_M, EVERY_S = 0.08, 0.1, 0.005, 0.05
"""Widest opening, speed, the least change that it is moved for, and how often it is looked at."""


class FrankaHand:
    """The hand, opened and closed by a thread.

    Args:
        gripper: of franky.
        lost: what it raises when the connection is gone.

    Attributes:
        width_m: measured.
        wanted_m: where the thread moves it to.
        lost: whether the connection is gone.
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
