"""How every command ends: with a status, and one line for whatever went wrong around it.

A full or read-only disk, a closed pipe, a signal or a deleted folder can meet any command at any line. They are turned
into words here, for all commands; what they write is whole at every moment (`dpbench.files.writing`).
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from dpbench.cli.parser import one_line
from dpbench.errors import DpbenchError

FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
"""Exit statuses; the last two are those of shells after Ctrl-C and for a closed pipe."""
TERMINATING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""By default these end a process at once: in the middle of a file, or while an arm is moving."""
AGAIN = "run the same command again: it goes on from what has been saved."
ADVICE = {
    errno.ENOSPC: f"free some space; {AGAIN}",
    errno.EDQUOT: f"free some space; {AGAIN}",
    errno.EFBIG: f"raise the limit on the size of files (ulimit -f); {AGAIN}",
    errno.EROFS: "choose a place that can be written.",
    errno.EACCES: "change its permissions, or choose another place.",
    errno.EPERM: "change its permissions, or choose another place.",
    errno.ENOENT: "check the path.",
    errno.ENOTDIR: "a file is where a folder is expected; choose another place.",
    errno.EISDIR: "a folder is where a file is expected; choose another place.",
    errno.EEXIST: "a file is where a folder is expected; choose another place.",
    errno.ENAMETOOLONG: "choose a shorter name.",
    errno.EMFILE: "raise the limit on open files (ulimit -n), or use fewer --workers.",
}


class Terminated(KeyboardInterrupt):  # no error, as Ctrl-C is none
    """A signal asked the process to end; its argument is the signal.

    As SystemExit it would be taken for one that code of a policy or task raises, and the work would go on.
    """


def ended(work: Callable[[], int]) -> int:
    """Do the work of a command and return its exit status; no error of the user's or of the machine's is a traceback.

    Raises:
        SystemExit: where the work raises it, as the parser of the arguments does.
    """
    _open_closed_streams()
    _print_all_signs()
    with _terminable():
        try:
            return _flushed(_status(work))
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):  # rich ends the process by itself
                return _pipe_closed()
            raise SystemExit(_flushed(error.code if isinstance(error.code, int) else FAILED)) from None


def check_working_folder() -> None:
    """Some libraries end the process where there is none.

    Raises:
        DpbenchError: when it was deleted.
    """
    try:
        os.getcwd()
    except OSError as error:
        raise DpbenchError(
            "the working folder was deleted; change to one that exists and run the same command again."
        ) from error


def _status(work: Callable[[], int]) -> int:
    try:
        return work()
    except DpbenchError as error:
        _say(f"error: {error}")
        return FAILED
    except Terminated as error:
        number: signal.Signals = error.args[0]
        _say(f"terminated by {number.name}; {AGAIN}")
        return 128 + number
    except KeyboardInterrupt:
        _say(f"interrupted; {AGAIN}")
        return INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed()
    except OSError as error:
        _say(f"error: {in_words(error)}")
        return FAILED
    except MemoryError:
        _say("error: there is not enough memory; use fewer --workers or --episodes, or a smaller batch_size.")
        return FAILED


def in_words(error: OSError) -> str:
    """What the operating system says, about which file, and what to do."""
    names = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    return f"{names and names + ': '}{reason}; {ADVICE.get(error.errno or 0, AGAIN)}"


def _flushed(status: int) -> int:
    """The status, once everything that was printed has been delivered; there is no success where it cannot be."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer would be tried, and complained about, once more when Python ends.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if status:  # said already
            return status
        if error.errno == errno.EPIPE:
            return _pipe_closed()
        _say(f"error: the output cannot be printed ({error.strerror}); {ADVICE.get(error.errno or 0, AGAIN)}")
        return FAILED
    return status


def _pipe_closed() -> int:
    _say("the output was closed before everything was printed.")
    return PIPE_CLOSED


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # there is nowhere else to say it
        print(one_line(line), file=sys.stderr, flush=True)


def _open_closed_streams() -> None:
    """Give a process that was started without some of its streams empty ones.

    Otherwise the next file that is opened takes the number of the closed stream, and messages are written into it.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free number: that of the stream
            setattr(sys, name, os.fdopen(descriptor, "r" if name == "stdin" else "w", encoding="utf-8"))


def _print_all_signs() -> None:
    """Print a question mark for a sign that the terminal does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def _terminable() -> Iterator[None]:
    """Signals that terminate raise Terminated, so that everything is closed."""

    def end(number: int, _: object) -> NoReturn:
        raise Terminated(signal.Signals(number))

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Signals that are ignored stay ignored, so that a command under nohup continues.
    handled = [number for number in TERMINATING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
