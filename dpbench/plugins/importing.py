"""Plug-ins: distributions beside dpbench that add tasks, baselines, sources, formats, drivers or cameras.

A plug-in runs with the rights of the user, and nothing here can change that. What is here is for plug-ins with
mistakes: an error or `sys.exit` of an import is turned into a sentence, what it prints goes to stderr, settings that
figures hang on, signal handlers and standard streams are set back, and one that takes long is named. Nobody can catch
a plug-in that ends the process (`os._exit`, a crash of a library in C); a command that needs only names of dpbench
does not import it.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, TextIO

import numpy as np

from dpbench.errors import MissingExtraError, PluginError
from dpbench.plugins.failures import failure_of, in_one_line, message_of, safely_shown

OWN = "dpbench"
"""Name of our distribution, and of our package."""
SLOW_S = 3.0
"""After so long an import is named, s; torch and a simulator together take less."""
MAX_POINTS = 100
"""Entry points of one group that a plug-in may have; one is enough."""
ENTRY_POINT = re.compile(r"[A-Za-z_][\w.]*\s*:\s*[A-Za-z_]\w*")


def own_points(group: str) -> tuple[EntryPoint, ...]:
    """Our entry points of a group; no other distribution is looked at."""
    for found in distributions(name=OWN):
        points = tuple(point for point in found.entry_points if point.group == group and _is_own(point))
        if points:
            return points
    return ()


def other_points(group: str) -> tuple[list[tuple[str, EntryPoint]], list[str]]:
    """The entry points of plug-ins, each with the name of its distribution; imports nothing.

    Returns:
        Entry points, and one line for each distribution whose entry points cannot be read.
    """
    points: list[tuple[str, EntryPoint]] = []
    problems: list[str] = []
    seen: set[str] = set()
    for found in distributions():
        if f"[{group}]" not in _text_of(found):
            continue
        name = _name_of(found)
        if name in seen:  # Python imports the first one on its path, too.
            continue
        seen.add(name)
        try:
            of_group = [point for point in found.entry_points if point.group == group]
        except Exception as error:  # importlib.metadata raises whatever it stumbles over.
            problems.append(f"the entry_points.txt of {name} cannot be read ({failure_of(error)}): install it again.")
            continue
        if name == OWN:
            of_group = [point for point in of_group if not _is_own(point)]
            name = f"another {OWN}"
        if len(of_group) > MAX_POINTS:
            problems.append(f"{name} has {len(of_group):,} entry points in {group}, expected {MAX_POINTS} at most.")
            continue
        for point in of_group:
            if ENTRY_POINT.fullmatch(point.value):
                points.append((name, point))
            else:
                told = f"{safely_shown(point.name)} of {name} is {safely_shown(point.value)}"
                problems.append(f"the entry point {told}: expected module:TABLE.")
    return points, problems


@contextmanager
def guarded(what: str, note: Callable[[str], object]) -> Iterator[None]:
    """Around the import of a module of a plug-in.

    Args:
        what: names the plug-in.
        note: is told in a sentence of an import that takes long, is interrupted or changes settings.

    Raises:
        PluginError: for whatever the module raises, `sys.exit` included. A MissingExtraError, which says what to
            install, and Ctrl-C pass through.
    """
    slow = f"{what} is still being imported after {SLOW_S:g} s; Ctrl-C stops the command, pip uninstall the plug-in."
    timer = threading.Timer(SLOW_S, note, [slow])
    timer.daemon = True
    timer.start()
    try:
        # Streams are set back first: notes about the others need them.
        with _settings_kept(what, note), _signals_kept(what, note), _streams_kept(what, note):
            yield
    except MissingExtraError as error:
        raise MissingExtraError(message_of(error)) from error  # plain, whatever class it was of
    except KeyboardInterrupt:
        note(f"interrupted while {what} was being imported.")
        raise
    except BaseException as error:
        raise PluginError(f"{what} cannot be imported: {failure_of(error)}") from error
    finally:
        timer.cancel()


@contextmanager
def printing_kept(what: str, note: Callable[[str], object]) -> Iterator[None]:
    """Around calls of a plug-in's code: as around its import, what it prints goes to stderr, streams are set back.

    So is the working folder, which the paths of what comes next hang on.
    """
    folder = _folder()
    when = "while it ran"
    try:
        with _streams_kept(what, note, when):
            yield
    finally:
        if folder is not None and _folder() != folder:
            _enter(folder)
            note(_set_back(what, "the working folder", when))


def _is_own(point: EntryPoint) -> bool:
    """Whether it names a module of our package, whatever distribution says so."""
    return point.value.startswith(f"{OWN}.")


def _text_of(found: Distribution) -> str:
    try:
        return found.read_text("entry_points.txt") or ""
    except (OSError, ValueError):  # not readable, or not UTF-8
        return ""


def _name_of(found: Distribution) -> str:
    try:
        return in_one_line(found.metadata["Name"], 80)
    except Exception:  # no METADATA, or one that cannot be read
        return "a distribution without a name"


@contextmanager
def _settings_kept(what: str, note: Callable[[str], object]) -> Iterator[None]:
    """Set back what an import changed of the process, and say so.

    Random states are not among it: whatever dpbench draws comes from generators that it seeds itself.
    """
    before = {name: read() for name, (read, _) in _settings().items()}
    try:
        yield
    finally:
        for name, (read, write) in _settings().items():
            wanted = before.get(name, UNTOUCHED.get(name))
            if wanted is not None and read() != wanted:
                write(wanted)
                note(_set_back(what, name))


def _set_back(what: str, name: str, when: str = "when it was imported") -> str:
    return f"{what} changed {name} {when}; it was set back."


SIGNALS = ("SIGINT", "SIGTERM", "SIGALRM", "SIGPIPE")
TIMERS = ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")
"""Names of signals and timers; Windows lacks some."""


@contextmanager
def _signals_kept(what: str, note: Callable[[str], object]) -> Iterator[None]:
    """Set back handlers, and stop timers that an import starts. Python lets only the main thread do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in SIGNALS if hasattr(signal, name)}
    timers = [name for name in TIMERS if hasattr(signal, name) and not any(signal.getitimer(getattr(signal, name)))]
    changed: list[str] = []
    try:
        yield
    finally:
        for name in timers:  # before the handlers: the default one of SIGALRM ends the process
            if any(signal.getitimer(getattr(signal, name))):
                signal.setitimer(getattr(signal, name), 0)
                changed.append(f"the timer {name}")
        for name, handler in handlers.items():
            if handler is not None and signal.getsignal(getattr(signal, name)) is not handler:
                signal.signal(getattr(signal, name), handler)
                changed.append(f"the handler of {name}")
        for name in changed:
            note(_set_back(what, name))


DESCRIPTORS = {"stdout": 1, "stderr": 2, "__stdout__": 1, "__stderr__": 2}
"""Name of a stream in `sys` -> descriptor."""


@contextmanager
def _streams_kept(what: str, note: Callable[[str], object], when: str = "when it was imported") -> Iterator[None]:
    """Send what a plug-in prints to stderr; set back streams that it replaces, open those again that it closes."""
    streams: dict[str, TextIO] = {name: getattr(sys, name) for name in DESCRIPTORS if _is_open(getattr(sys, name))}
    copies = {number: copy for number in (1, 2) if (copy := _copy_of(number)) is not None}
    printing, sys.stdout = sys.stdout, sys.stderr
    meanwhile = {name: getattr(sys, name) for name in DESCRIPTORS}
    changed: dict[str, None] = {}
    try:
        yield
    finally:
        for number, copy in copies.items():
            if not _is_same_file(number, copy):
                os.dup2(copy, number)
                changed[f"the descriptor {number}"] = None
            os.close(copy)
        replaced = [name for name, stream in meanwhile.items() if getattr(sys, name, None) is not stream]
        for name, stream in {**meanwhile, "stdout": printing}.items():
            setattr(sys, name, stream)
        changed |= {f"sys.{name}": None for name in replaced}
        again: dict[int, TextIO] = {}  # `sys.stdout` and `sys.__stdout__` are one stream, and stay so
        for name, stream in streams.items():
            if not _is_open(stream):
                if id(stream) not in again:
                    again[id(stream)] = _opened(DESCRIPTORS[name])
                setattr(sys, name, again[id(stream)])
                changed[f"sys.{name}"] = None
        for name in changed:
            note(_set_back(what, name, when))


def _is_open(stream: TextIO | None) -> bool:
    try:
        return stream is not None and not stream.closed
    except ValueError:  # its buffer was detached
        return False


def _opened(number: int) -> TextIO:
    return os.fdopen(number, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)


def _copy_of(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # closed by who started the command
        return None


def _is_same_file(number: int, copy: int) -> bool:
    try:
        return os.path.samestat(os.fstat(number), os.fstat(copy))
    except OSError:  # closed
        return False


UNTOUCHED = {"torch's default type": "torch.float32", "torch's gradients": "True", "torch's default device": "cpu"}
"""What a torch has that the plug-in imports first."""


def _settings() -> dict[str, tuple[Callable[[], Any], Callable[[Any], object]]]:
    """Name -> how to read and write it. Values are texts or plain values, so that torch need not be imported."""
    known: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
        "the working folder": (_folder, _enter),
        "numpy's handling of errors": (np.geterr, lambda value: np.seterr(**value)),
    }
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "get_default_device"):  # of 2.3 and later, and wholly imported
        known |= {
            "torch's default type": (
                lambda: str(torch.get_default_dtype()),
                lambda value: torch.set_default_dtype(getattr(torch, value.removeprefix("torch."))),
            ),
            "torch's gradients": (
                lambda: str(torch.is_grad_enabled()),
                lambda value: torch.set_grad_enabled(value == "True"),
            ),
            "torch's default device": (lambda: str(torch.get_default_device()), torch.set_default_device),
            "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
            "torch's precision of products": (
                torch.get_float32_matmul_precision,
                torch.set_float32_matmul_precision,
            ),
        }
    return known


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # deleted meanwhile
        return None


def _enter(folder: str) -> None:
    with suppress(OSError):
        os.chdir(folder)
