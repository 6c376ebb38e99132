"""Keys in the terminal: names, emergency stop, and settings that are always restored."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dpbench.arms.teleoperation.keys import DISCARD, QUIT, RESET, SAVE, SOLVED, START, STOP, TerminalKeys, decoded
from dpbench.arms.teleoperation.teleoperators import DIRECTIONS, KeyboardTeleop


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.002)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two sides of a terminal: the operator's and the program's."""
    person, program = pty.openpty()
    yield person, program
    for fd in (person, program):
        try:
            os.close(fd)
        except OSError:
            continue


def got(keys: TerminalKeys, n: int) -> list[str]:
    names: list[str] = []

    def enough() -> bool:
        names.extend(keys.pressed())
        return len(names) >= n

    until(enough)
    return names


def test_every_key_does_one_thing() -> None:
    keys = (START, SAVE, DISCARD, STOP, RESET, SOLVED, QUIT)
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(DIRECTIONS)
    assert all(key in KeyboardTeleop.help for key in DIRECTIONS if len(key) == 1)


@pytest.mark.parametrize(
    ("data", "names", "rest"),
    [
        (b"cS d", ["c", "s", STOP, "d"], b""),
        (b"\x1b[A\x1b[B\x1bOC\x1b[D", ["up", "down", "right", "left"], b""),
        (b"\x1b[1;5Aq", ["up", "q"], b""),
        (b"\x1b[3~c", ["c"], b""),
        (b"c\x1b", ["c"], b"\x1b"),
        (b"\x1b[1", [], b"\x1b[1"),
        (b"\x1b ", [STOP], b""),
        (b"\x1b[ c", [STOP, "c"], b""),
        (b"\r\n\t\x00\xff[", ["["], b""),
    ],
)
def test_bytes_are_decoded_to_keys(data: bytes, names: list[str], rest: bytes) -> None:
    assert decoded(data) == (names, rest)


def test_keys_are_read_without_enter_and_without_echo(terminal: tuple[int, int]) -> None:
    person, program = terminal
    with TerminalKeys(on_stop=lambda: None, fd=program) as keys:
        assert keys.is_terminal
        os.write(person, b"c\x1b[")
        assert got(keys, 1) == ["c"]
        os.write(person, b"Am")
        assert got(keys, 2) == ["up", "m"]
        assert keys.pressed() == ()
        assert not termios.tcgetattr(program)[3] & termios.ECHO


def test_the_space_bar_stops_at_once_from_another_thread(terminal: tuple[int, int]) -> None:
    person, program = terminal
    stopped: list[str] = []
    with TerminalKeys(on_stop=lambda: stopped.append(threading.current_thread().name), fd=program) as keys:
        os.write(person, b" ")
        until(lambda: stopped)  # without a call of `pressed`
        assert stopped == ["terminal keys"]
        assert got(keys, 1) == [STOP]


def test_an_error_in_the_stop_is_raised_and_keys_are_still_read(terminal: tuple[int, int]) -> None:
    person, program = terminal

    def on_stop() -> None:
        raise OSError("no arm")

    with TerminalKeys(on_stop, fd=program) as keys:
        os.write(person, b" c")
        until(lambda: len(keys._pressed) == 2)
        with pytest.raises(OSError, match="no arm"):
            keys.pressed()
        assert keys.pressed() == (STOP, "c")


def test_a_terminal_that_disappears_stops_and_quits(terminal: tuple[int, int]) -> None:
    person, program = terminal
    stopped: list[bool] = []
    with TerminalKeys(on_stop=lambda: stopped.append(True), fd=program) as keys:
        os.close(person)
        assert got(keys, 1) == ["q"]
        assert stopped == [True]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_terminal_is_restored(terminal: tuple[int, int], error: type[BaseException] | None) -> None:
    _, program = terminal
    before, n_threads = termios.tcgetattr(program), threading.active_count()

    def session() -> None:
        with TerminalKeys(on_stop=lambda: None, fd=program):
            assert termios.tcgetattr(program) != before
            if error is not None:
                raise error

    if error is None:
        session()
    else:
        with pytest.raises(error):
            session()
    assert termios.tcgetattr(program) == before
    assert threading.active_count() == n_threads


def test_the_terminal_is_restored_when_the_program_exits(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program)
    code = (
        "import sys, termios\nfrom dpbench.arms.teleoperation.keys import TerminalKeys\n"
        "before = termios.tcgetattr(0)\nTerminalKeys(lambda: None).__enter__()\n"
        "sys.exit(7 if termios.tcgetattr(0) != before else 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=program, timeout=120, check=False)
    assert done.returncode == 7
    assert termios.tcgetattr(program) == before


def test_without_a_terminal_no_keys_come() -> None:
    read, write = os.pipe()
    with TerminalKeys(on_stop=lambda: None, fd=read) as keys:
        os.write(write, b"c ")
        time.sleep(0.05)
        assert not keys.is_terminal
        assert keys.pressed() == ()
    os.close(read)
    os.close(write)
