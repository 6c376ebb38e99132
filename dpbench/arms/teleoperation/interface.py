"""The person at the arm: keys and a view, in a window, in the terminal, or nobody."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import imageio.v2 as imageio
import numpy as np
from numpy.typing import NDArray

from dpbench.arms.teleoperation.keys import TerminalKeys
from dpbench.arms.teleoperation.window import Window
from dpbench.errors import ConfigError, MissingExtraError, check_choice

View = Literal["auto", "window", "terminal", "none"]
VIEWS: tuple[View, ...] = ("auto", "window", "terminal", "none")
FILM_HZ = 20.0


class OperatorInterface(Protocol):
    """Where a session takes its keys from and shows what goes on. The stop key acts by itself, at once."""

    @property
    def shows_pictures(self) -> bool:
        """Whether pictures are looked at; else they need not be drawn."""
        ...

    def pressed(self) -> tuple[str, ...]:
        """Names of the keys since the last call, see `dpbench.arms.teleoperation.keys`."""
        ...

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """Show a picture `(H, W, 3)` RGB and what to know; called several times a second."""
        ...


class Headless:
    """No keys and no view: for scripts."""

    shows_pictures = False

    def pressed(self) -> tuple[str, ...]:
        """None."""
        return ()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """Nothing."""


CLEAR_LINE = "\r\x1b[K"


def say(line: str) -> None:
    """Tell a person at the terminal, above the line that `AtTerminal` writes again and again."""
    print(f"{CLEAR_LINE if sys.stderr.isatty() else ''}{line}", file=sys.stderr, flush=True)


class TerminalInterface:
    """Keys of the terminal and one line of text."""

    shows_pictures = False

    def __init__(self, keys: TerminalKeys) -> None:
        self._keys = keys

    def pressed(self) -> tuple[str, ...]:
        """See `Person`."""
        return self._keys.pressed()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:  # noqa: ARG002  # a terminal has none
        """See `Person`."""
        width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 200
        print("\r" + " · ".join(lines)[: width - 1].ljust(width - 1), end="", file=sys.stderr, flush=True)

    @staticmethod
    def leave() -> None:
        """What is printed next does not stand behind the line."""
        if sys.stderr.isatty():
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)


class WindowInterface:
    """A window; its keys and those of the terminal count alike."""

    shows_pictures = True

    def __init__(self, window: Window, keys: TerminalKeys) -> None:
        self._window, self._keys = window, keys

    def pressed(self) -> tuple[str, ...]:
        """See `Person`."""
        return (*self._window.pressed(), *self._keys.pressed())

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """See `Person`."""
        self._window.show(picture, lines)


class VideoInterface:
    """A person whose view is also written to a video."""

    shows_pictures = True

    def __init__(self, interface: OperatorInterface, writer: Any, clock: Callable[[], float]) -> None:
        self._interface, self._writer, self._clock = interface, writer, clock
        self._due_s = clock()

    def pressed(self) -> tuple[str, ...]:
        """See `Person`."""
        return self._interface.pressed()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """See `Person`; a picture is repeated as often as time has passed, so that the video runs at true speed."""
        self._interface.show(picture, lines)
        while self._due_s <= self._clock():
            self._writer.append_data(picture)
            self._due_s += 1.0 / FILM_HZ


@contextmanager
def operator_interface(
    view: View, on_stop: Callable[[], object], video: Path | None, clock: Callable[[], float]
) -> Iterator[OperatorInterface]:
    """A person for a session.

    Args:
        view: `"window"` (needs dpbench[human] and a screen), `"terminal"`, `"none"` (no keys at all), or `"auto"`: a
            window where there can be one.
        on_stop: called at once when the stop key is pressed.
        video: also write what is shown to this .mp4, or None.
        clock: for the video.

    Raises:
        ConfigError: for an unknown view, a window without a screen, or a terminal that is none.
        MissingExtraError: for a window without pygame.
    """
    check_choice("view", view, VIEWS)
    with contextlib.ExitStack() as stack:
        interface: OperatorInterface = Headless()
        if view != "none":
            keys = stack.enter_context(TerminalKeys(on_stop))
            window = None if view == "terminal" else _window(stack, on_stop, must=view == "window")
            if window is None and not keys.is_terminal:
                raise ConfigError("there is neither a screen nor a terminal for keys: add --view none, and watch out.")
            interface = TerminalInterface(keys) if window is None else WindowInterface(window, keys)
            if window is None:
                stack.callback(TerminalInterface.leave)
        if video is not None:
            writer = stack.enter_context(imageio.get_writer(video, fps=FILM_HZ, macro_block_size=2))
            interface = VideoInterface(interface, writer, clock)
        yield interface


def _window(stack: contextlib.ExitStack, on_stop: Callable[[], object], must: bool) -> Window | None:
    """A window, or None where there can be none and there need not be one."""
    has_screen = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if not must and not has_screen:
        return None
    try:
        return stack.enter_context(Window(on_stop))
    except (MissingExtraError, ConfigError):  # no pygame, or a screen that is gone
        if must:
            raise
        return None
