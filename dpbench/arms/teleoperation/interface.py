"""The operator's interface, keys and live view: in a window, in the terminal, or none."""

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
from dpbench.files.locks import working_on

View = Literal["auto", "window", "terminal", "none"]
VIEWS: tuple[View, ...] = ("auto", "window", "terminal", "none")
VIDEO_HZ = 20.0


class OperatorInterface(Protocol):
    """Where a session reads keys and shows its state. The stop key acts at once, without the session."""

    @property
    def shows_pictures(self) -> bool:
        """Whether pictures are shown; if not, the session need not render them."""
        ...

    def pressed(self) -> tuple[str, ...]:
        """Names of the keys pressed since the last call, see `dpbench.arms.teleoperation.keys`."""
        ...

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """Show a picture `(H, W, 3)` RGB and lines of text; called several times a second."""
        ...


class Headless:
    """No keys and no view, for unattended sessions."""

    shows_pictures = False

    def pressed(self) -> tuple[str, ...]:
        """None."""
        return ()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """Nothing."""


CLEAR_LINE = "\r\x1b[K"


def say(line: str) -> None:
    """Print a line to the terminal, above the status line of `TerminalInterface`."""
    print(f"{CLEAR_LINE if sys.stderr.isatty() else ''}{line}", file=sys.stderr, flush=True)


class TerminalInterface:
    """Keys and one status line in the terminal."""

    shows_pictures = False

    def __init__(self, keys: TerminalKeys) -> None:
        self._keys = keys

    def pressed(self) -> tuple[str, ...]:
        """See `OperatorInterface`."""
        return self._keys.pressed()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:  # noqa: ARG002  # a terminal shows no picture
        """See `OperatorInterface`."""
        width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 200
        print("\r" + " · ".join(lines)[: width - 1].ljust(width - 1), end="", file=sys.stderr, flush=True)

    @staticmethod
    def clear() -> None:
        """Clear the status line, so that the next output starts on an empty line."""
        if sys.stderr.isatty():
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)


class WindowInterface:
    """A window; keys work in the window and in the terminal."""

    shows_pictures = True

    def __init__(self, window: Window, keys: TerminalKeys) -> None:
        self._window, self._keys = window, keys

    def pressed(self) -> tuple[str, ...]:
        """See `OperatorInterface`."""
        return (*self._window.pressed(), *self._keys.pressed())

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """See `OperatorInterface`."""
        self._window.show(picture, lines)


class VideoInterface:
    """Another interface whose view is also written to a video."""

    shows_pictures = True

    def __init__(self, interface: OperatorInterface, writer: Any, clock: Callable[[], float]) -> None:
        self._interface, self._writer, self._clock = interface, writer, clock
        self._due_s = clock()

    def pressed(self) -> tuple[str, ...]:
        """See `OperatorInterface`."""
        return self._interface.pressed()

    def show(self, picture: NDArray[np.uint8], lines: Sequence[str]) -> None:
        """See `OperatorInterface`; pictures are repeated so that the video plays at real speed."""
        self._interface.show(picture, lines)
        while self._due_s <= self._clock():
            self._writer.append_data(picture)
            self._due_s += 1.0 / VIDEO_HZ


@contextmanager
def operator_interface(
    view: View, on_stop: Callable[[], object], video: Path | None, clock: Callable[[], float]
) -> Iterator[OperatorInterface]:
    """Open the interface for a session.

    Args:
        view: `"window"` (needs dpbench[human] and a screen), `"terminal"`, `"none"` (no keys at all), or `"auto"`: a
            window if possible, else the terminal.
        on_stop: called at once when the stop key is pressed.
        video: .mp4 file to which the view is also written, or None.
        clock: for the video.

    Raises:
        ConfigError: for an unknown view, `"window"` without a screen, or if there is no terminal for keys.
        MissingExtraError: for `"window"` without pygame.
    """
    check_choice("view", view, VIEWS)
    with contextlib.ExitStack() as stack:
        interface: OperatorInterface = Headless()
        if view != "none":
            keys = stack.enter_context(TerminalKeys(on_stop))
            window = None if view == "terminal" else _window(stack, on_stop, must=view == "window")
            if window is None and not keys.is_terminal:
                raise ConfigError("neither a screen nor a terminal: use --view none (then no key stops the arm).")
            interface = TerminalInterface(keys) if window is None else WindowInterface(window, keys)
            if window is None:
                stack.callback(TerminalInterface.clear)
        if video is not None:
            stack.enter_context(working_on(video))
            writer = stack.enter_context(imageio.get_writer(video, fps=VIDEO_HZ, macro_block_size=2))
            interface = VideoInterface(interface, writer, clock)
        yield interface


def _window(stack: contextlib.ExitStack, on_stop: Callable[[], object], must: bool) -> Window | None:
    """A window; None if there cannot be one, unless `must`."""
    has_screen = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if not must and not has_screen:
        return None
    try:
        return stack.enter_context(Window(on_stop))
    except (MissingExtraError, ConfigError):  # no pygame, or the screen is not reachable
        if must:
            raise
        return None
