"""The digital twin in a process and on a clock of its own, like a real arm.

Commands travel through a pipe, states through shared memory, both as plain numbers. Neither side waits for the other,
and each can be killed at any moment: the twin ends when its pipe closes, and the host notices that the twin has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import struct
import threading
import time
import zlib
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from dpbench.errors import ConfigError

from .channel import Faults
from .controller import N_SCENE, N_STATE, Controller, Kind, as_numbers
from .scene import RATE_HZ

START_S = 60.0
"""A twin starts within 1 s on an idle machine."""
ANSWER_S = 10.0
N_TRIES = 100
_HEAD = struct.Struct("<B")
_RECORD = struct.Struct(f"<{N_STATE + N_SCENE}d")
_CHECK = struct.Struct("<I")
_SLOT = _RECORD.size + _CHECK.size


class TwinProcess:
    """The host's side; a `TwinLink`.

    Args:
        faults: of the link and the arm from the start.
        seed: of the scene and of the link's random faults.

    Raises:
        ConfigError: if the process ends before it has measured anything.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._shared = context.RawArray(ctypes.c_char, 2 * _SLOT)
        self._lock = threading.Lock()
        self._n_asked = 0
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(
            target=_run, args=(far_end, self._shared, as_numbers(faults), seed), name="arm twin", daemon=True
        )
        self._process.start()
        far_end.close()
        until = time.monotonic() + START_S
        while self._record() is None:
            if not self.alive or time.monotonic() > until:
                self.close()
                raise ConfigError(
                    "the digital twin's process ended before it measured anything: "
                    'a script that starts it needs `if __name__ == "__main__":` around its code.'
                )
            time.sleep(0.01)

    @property
    def alive(self) -> bool:
        """Whether the twin runs."""
        return self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """Id of the twin's process."""
        return self._process.pid

    def clock(self) -> float:
        """The host's monotonic clock, which the twin uses, too."""
        return time.monotonic()

    def state(self) -> Sequence[float]:
        """The newest state that has arrived, `N_STATE` numbers."""
        return self._numbers()[:N_STATE]

    def scene(self) -> Sequence[float]:
        """The true scene, `N_SCENE` numbers."""
        return self._numbers()[N_STATE:]

    def post(self, kind: Kind, *numbers: float) -> None:
        """Send a message without waiting.

        Raises:
            ConnectionError: if the twin has ended.
        """
        with self._lock:
            self._n_asked += kind not in (Kind.POSE, Kind.STOP)
            try:
                self._pipe.send_bytes(_HEAD.pack(kind) + struct.pack(f"<{len(numbers)}d", *numbers))
            except OSError as error:
                raise ConnectionError("the digital twin's process has ended") from error

    def ask(self, kind: Kind, *numbers: float) -> None:
        """Send a message other than a command and wait until the twin has handled it.

        Raises:
            ConnectionError: if the twin has ended or does not answer.
        """
        self.post(kind, *numbers)
        until = time.monotonic() + ANSWER_S
        while self.scene()[2] < self._n_asked:
            if time.monotonic() > until:
                raise ConnectionError(f"the digital twin's process has not answered for {ANSWER_S:.0f} s")
            time.sleep(0.001)

    def close(self) -> None:
        """End the process; can be called twice."""
        with self._lock:
            self._pipe.close()
        self._process.join(timeout=2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _numbers(self) -> Sequence[float]:
        if not self.alive or (record := self._record()) is None:
            raise ConnectionError("the digital twin's process has ended")
        return record

    def _record(self) -> tuple[float, ...] | None:
        # The twin writes to two slots in turn. It may be writing to one of them now, or be suspended while it does. The
        # checksum shows that, and the other slot is complete.
        for _ in range(N_TRIES):
            copy = bytes(self._shared)
            slots = (copy[:_SLOT], copy[_SLOT:])
            records = [
                _RECORD.unpack(slot[: _RECORD.size])
                for slot in slots
                if _CHECK.unpack(slot[_RECORD.size :])[0] == zlib.crc32(slot[: _RECORD.size])
            ]
            if records:
                return max(records, key=_written_s)
        return None


def _run(pipe: Connection, shared: Any, faults: tuple[float, ...], seed: int) -> None:
    """The twin's side: one tick per period, until the host's end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which brakes and closes
    controller = Controller(Faults(*faults), seed, time.monotonic())
    period = 1.0 / RATE_HZ
    due = time.monotonic()
    view = memoryview(shared).cast("B")
    with contextlib.suppress(EOFError, OSError):
        for slot in itertools.cycle((0, _SLOT)):
            while pipe.poll():
                kind, *numbers = _unpacked(pipe.recv_bytes())
                controller.handle(int(kind), numbers, time.monotonic())
            if controller.faults.crash:
                os._exit(1)
            now = time.monotonic()
            controller.tick(now)
            record = _RECORD.pack(*controller.state, *controller.scene(now))
            view[slot : slot + _SLOT] = record + _CHECK.pack(zlib.crc32(record))
            due = max(due + period, time.monotonic() - period)  # missed ticks are not caught up
            time.sleep(max(0.0, due - time.monotonic()))


def _written_s(record: tuple[float, ...]) -> float:
    """When a record was written: the time of its scene."""
    return record[N_STATE]


def _unpacked(message: bytes) -> tuple[float, ...]:
    numbers = message[_HEAD.size :]
    return (*_HEAD.unpack_from(message), *struct.unpack(f"<{len(numbers) // 8}d", numbers))
