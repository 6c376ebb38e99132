"""The keys of a session with an arm, read from the terminal while everything else goes on.

Keys have names: the character in lower case, or `"up"`, `"down"`, `"left"`, `"right"`, `"space"`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

if sys.platform != "win32":
    import select
    import termios
    import tty

START, SAVE, DISCARD, STOP, RESET, SOLVED, QUIT = "c", "s", "d", "space", "f", "m", "q"
"""The keys of a session; those that move the tool are in `operators.DIRECTIONS`."""

_ENDINGS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
"""Of the escape sequences that terminals send for arrows: ESC [ A, or ESC O A."""
_ESCAPE, _INTRODUCERS = b"\x1b", (b"[", b"O")


class TerminalKeys:
    """The keys of the terminal, as a context manager.

    A thread of its own reads them one by one, without an echo and without the enter key. The terminal is put back in
    order at the end, however it comes.

    Args:
        on_stop: called from that thread at once when the space bar is pressed, and when the terminal goes away, since
            nobody could press it then.
        fd: file descriptor of the terminal; standard input without one.

    Attributes:
        is_terminal: whether there is a terminal in the foreground to read from; without one, and on Windows, no keys
            come. The window takes the same keys.
    """

    def __init__(self, on_stop: Callable[[], object], fd: int | None = None) -> None:
        self.is_terminal = False
        self._on_stop, self._fd = on_stop, fd
        self._pressed: deque[str] = deque()
        self._failed: BaseException | None = None
        self._before: list[Any] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> TerminalKeys:
        if sys.platform == "win32":
            return self
        if self._fd is None:
            with contextlib.suppress(OSError, ValueError, AttributeError):  # no standard input, or one without a number
                self._fd = sys.stdin.fileno()
        self.is_terminal = self._fd is not None and os.isatty(self._fd) and _is_in_foreground(self._fd)
        if not self.is_terminal or self._fd is None:
            return self
        self._before = termios.tcgetattr(self._fd)
        atexit.register(self._restore)
        self._end_read, self._end_write = os.pipe()
        tty.setcbreak(self._fd)
        self._thread = threading.Thread(target=self._run, args=(self._fd,), name="keys of the terminal", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._thread is not None:
                os.write(self._end_write, b"end")
                self._thread.join(timeout=2.0)
                os.close(self._end_write)
                os.close(self._end_read)
                self._thread = None
        finally:
            self._restore()

    def pressed(self) -> tuple[str, ...]:
        """Names of the keys pressed since the last call, oldest first; a terminal that goes away gives `"q"`.

        Raises:
            Exception: what `on_stop` raised in its thread.
        """
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        return tuple(self._pressed.popleft() for _ in range(len(self._pressed)))

    def _restore(self) -> None:
        atexit.unregister(self._restore)
        before, self._before = self._before, None
        if before is not None and self._fd is not None and sys.platform != "win32":
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, before)

    def _run(self, fd: int) -> None:
        rest = b""
        while True:
            ready, _, _ = select.select([fd, self._end_read], [], [])
            if self._end_read in ready:
                return
            try:
                data = os.read(fd, 64)
            except OSError:
                data = b""
            # Before anything is understood: a space inside of garbled input is meant as a stop, too.
            if b" " in data or not data:
                self._stop()
            if not data:
                self._pressed.append("q")
                return
            names, rest = decoded(rest + data)
            self._pressed.extend(names)

    def _stop(self) -> None:
        try:
            self._on_stop()
        except Exception as error:  # for the main thread; the keys must go on
            self._failed = error


def decoded(data: bytes) -> tuple[list[str], bytes]:
    """Names of the keys that bytes of a terminal mean, and the bytes that may be the beginning of one more."""
    names: list[str] = []
    while data:
        if data[:1] == _ESCAPE and data[1:2] in _INTRODUCERS:
            # Parameters stand between the introducer and the letter at the end: ESC [ 1 ; 5 A is an arrow with control.
            length = 2
            while data[length : length + 1].isdigit() or data[length : length + 1] == b";":
                length += 1
            if length == len(data):
                return names, data
            if name := _ENDINGS.get(data[length : length + 1]):
                names.append(name)
            # A space is never the end of a sequence: it is a stop.
            data = data[length if data[length : length + 1] == b" " else length + 1 :]
        elif data == _ESCAPE:
            return names, data
        else:
            character = data[:1].decode("ascii", errors="ignore").lower()
            if character == " ":
                names.append(STOP)
            elif character.isprintable() and character:
                names.append(character)
            data = data[1:]
    return names, b""


def _is_in_foreground(fd: int) -> bool:
    """Whether reading from a terminal is allowed: a process in the background would be suspended."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # a terminal, but not of this session: then nothing is forbidden
            return os.tcgetpgrp(fd) == os.getpgrp()
    return True
