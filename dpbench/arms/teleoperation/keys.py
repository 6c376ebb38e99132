"""The keys of a session with an arm, read from the terminal in a thread of their own.

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
"""The keys of a session; those that move the tool are in `teleoperators.DIRECTIONS`."""

_ENDINGS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
"""Last bytes of the escape sequences that terminals send for arrow keys: ESC [ A or ESC O A."""
_ESCAPE, _INTRODUCERS = b"\x1b", (b"[", b"O")


class TerminalKeys:
    """The keys pressed in the terminal, as a context manager.

    A thread reads them one by one, without echo and without the enter key. The terminal's settings are restored at the
    end, however the session ends.

    Args:
        on_stop: called from that thread at once when the space bar is pressed. Also called when the terminal
            disappears, since the operator could no longer press a key.
        fd: file descriptor of the terminal; standard input by default.

    Attributes:
        is_terminal: whether keys can be read: there is a terminal, this process is in its foreground, and the system is
            not Windows. The window reads the same keys.
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
            with contextlib.suppress(OSError, ValueError, AttributeError):  # standard input is missing or not a file
                self._fd = sys.stdin.fileno()
        self.is_terminal = self._fd is not None and os.isatty(self._fd) and _is_in_foreground(self._fd)
        if not self.is_terminal or self._fd is None:
            return self
        self._before = termios.tcgetattr(self._fd)
        atexit.register(self._restore)
        self._end_read, self._end_write = os.pipe()
        tty.setcbreak(self._fd)
        self._thread = threading.Thread(target=self._run, args=(self._fd,), name="terminal keys", daemon=True)
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
        """Names of the keys pressed since the last call, oldest first; `"q"` if the terminal has disappeared.

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
            with contextlib.suppress(termios.error):  # the terminal has disappeared
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
            # Before decoding: a space inside garbled input must stop the arm, too.
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
        except Exception as error:  # raised again by `pressed`; this thread must continue
            self._failed = error


def decoded(data: bytes) -> tuple[list[str], bytes]:
    """Names of the keys in bytes from a terminal, and the remaining bytes that may begin another key."""
    names: list[str] = []
    while data:
        if data[:1] == _ESCAPE and data[1:2] in _INTRODUCERS:
            # Parameters may stand between the introducer and the last letter: ESC [ 1 ; 5 A is control + arrow.
            length = 2
            while data[length : length + 1].isdigit() or data[length : length + 1] == b";":
                length += 1
            if length == len(data):
                return names, data
            if name := _ENDINGS.get(data[length : length + 1]):
                names.append(name)
            # A space never ends a sequence: it is always a stop.
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
    """Whether the terminal may be read: the system suspends a background process that tries."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # the terminal belongs to another session: reading is allowed
            return os.tcgetpgrp(fd) == os.getpgrp()
    return True
