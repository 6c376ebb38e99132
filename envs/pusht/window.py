"""A pygame window that shows frames and reads the mouse (optional extra "human")."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import MissingExtraError

from .task import WINDOW_PX

GRAB_PX = 30.0
"""The mouse grabs the finger within this distance (real-stanford/diffusion_policy, 5ba07ac, `demo_pusht.py`)."""


class Window:
    """One window of `size_px`, refreshed at most `rate_hz` times a second.

    Raises:
        MissingExtraError: without pygame.
    """

    def __init__(self, size_px: int, rate_hz: int) -> None:
        try:
            import pygame  # optional extra
        except ImportError as error:
            raise MissingExtraError("the window needs pygame: pip install 'dpbench[human]'") from error
        self._pygame: Any = pygame
        self._size_px = size_px
        self._rate_hz = rate_hz
        self._grabbed = False
        self._keys: list[str] = []
        pygame.display.init()  # not pygame.init(): sound is not needed
        pygame.display.set_caption("dpbench Push-T")
        self._screen: Any = pygame.display.set_mode((size_px, size_px))
        self._clock: Any = pygame.time.Clock()

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Show a frame, `(size, size, 3)` RGB, and wait until the next is due."""
        self._collect()
        surface = self._pygame.surfarray.make_surface(frame.swapaxes(0, 1))
        self._screen.blit(surface, (0, 0))
        self._pygame.display.flip()
        self._clock.tick(self._rate_hz)

    def mouse_target(self, agent: tuple[float, float]) -> NDArray[np.float32] | None:
        """Position of the mouse in the task's px once it has grabbed the finger, else None."""
        self._collect()
        x, y = (value / self._size_px * WINDOW_PX for value in self._pygame.mouse.get_pos())
        if math.hypot(x - agent[0], y - agent[1]) < GRAB_PX:
            self._grabbed = True
        return np.array([x, y], dtype=np.float32) if self._grabbed else None

    def release(self) -> None:
        """Release the finger for a new episode."""
        self._grabbed = False

    def keys(self) -> tuple[str, ...]:
        """Names of the keys pressed since the last call; closing the window counts as `"q"`."""
        self._collect()
        keys, self._keys = tuple(self._keys), []
        return keys

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()

    def _collect(self) -> None:
        for event in self._pygame.event.get():
            if event.type == self._pygame.QUIT:
                self._keys.append("q")
            elif event.type == self._pygame.KEYDOWN:
                self._keys.append(self._pygame.key.name(event.key))
