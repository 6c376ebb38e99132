"""An emulator of a UR robot's network interface: RTDE, dashboard and script ports on loopback.

RTDE (Real-Time Data Exchange, port 30004, protocol version 2): packages are a uint16 of their size, a letter, and a
payload, all big-endian. Enough is there for the library `ur_rtde` to connect, upload its control script (which is not
run: what its command loop does with the registers is played here), read states and send commands.

It is a program of its own, since the library holds Python's lock while it waits for an answer. It writes "ready",
then takes a JSON object a line: {"do": name of a method, ...its arguments}, and answers each with one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

DASHBOARD, SCRIPT_PORTS, RTDE = 29999, (30001, 30002, 30003), 30004
RUNNING_BITS, STOPPED_BITS = 0b11, 0b01
"""`robot_status_bits`: power is on, a program is running."""
NORMAL, PROTECTIVE_STOP, EMERGENCY_STOP = 1 << 0, 1 << 2, 1 << 7
"""`safety_status_bits`."""
READY, DONE = 1, 2
"""Values of output register 0, from the control script."""
NO_COMMAND, SERVO_STOP, TEACH, END_TEACH, SERVO_L, SET_TCP, SET_WATCHDOG, STOP_SCRIPT = 0, 16, 18, 19, 24, 29, 35, 255
"""Values of input register 0, from the client."""
CONTINUOUS = frozenset({6, 9, 10, 11, 24, 25, 26, 27, 38, 58, 66, 67, 68, 69, 70, 71})
"""Commands after which the control script stays ready."""

PACKED = {
    "DOUBLE": "d", "INT32": "i", "UINT32": "I", "UINT64": "Q", "UINT8": "B", "VECTOR3D": "3d", "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
}  # fmt: skip
SCALARS = (
    "timestamp", "actual_execution_time", "speed_scaling", "target_speed_fraction", "actual_momentum",
    "actual_main_voltage", "actual_robot_voltage", "actual_robot_current", "payload", "standard_analog_input0",
    "standard_analog_input1", "standard_analog_output0", "standard_analog_output1", "speed_slider_fraction",
)  # fmt: skip
TYPES = {
    **dict.fromkeys(SCALARS, "DOUBLE"),
    **dict.fromkeys(("robot_mode", "safety_mode", "safety_status"), "INT32"),
    **dict.fromkeys(("runtime_state", "robot_status_bits", "safety_status_bits"), "UINT32"),
    **dict.fromkeys(("actual_digital_input_bits", "actual_digital_output_bits"), "UINT64"),
    **dict.fromkeys(("actual_tool_accelerometer", "payload_cog"), "VECTOR3D"),
    "joint_mode": "VECTOR6INT32",
}


def kind(name: str) -> str:
    """RTDE's type of a variable; nearly all that are not listed are six numbers, one per joint or degree of freedom."""
    if "_int_register_" in name:
        return "INT32"
    return "DOUBLE" if "_double_register_" in name else TYPES.get(name, "VECTOR6D")


@dataclass
class Recipe:
    """The variables of one kind of data package."""

    names: list[str]

    @property
    def kinds(self) -> list[str]:
        return [kind(name) for name in self.names]

    def pack(self, values: dict[str, tuple[float, ...]]) -> bytes:
        parts = []
        for name, its_kind in zip(self.names, self.kinds, strict=True):
            code = PACKED[its_kind]
            numbers = values.get(name, (0,) * (int(code[0]) if code[0].isdigit() else 1))
            parts.append(struct.pack(">" + code, *(float(n) if code[-1] == "d" else int(n) for n in numbers)))
        return b"".join(parts)

    def unpack(self, payload: bytes) -> dict[str, tuple[float, ...]]:
        values, at = {}, 0
        for name, its_kind in zip(self.names, self.kinds, strict=True):
            code = ">" + PACKED[its_kind]
            values[name] = struct.unpack_from(code, payload, at)
            at += struct.calcsize(code)
        return values


@dataclass
class Emulator:
    """The robot; it is where servoL sent it or a hand moved it.

    Attributes:
        address: an address of loopback of its own, since RTDE's ports are fixed.
        variables: outputs by RTDE's names.
        commands: numbers of the commands received, without those that clear the register.
        targets: of servoL: six numbers of the pose (m, axis times angle), time, lookahead and gain.
        tcp: the tool's offset as set, six numbers.
        watchdog_hz: least rate of commands, as set.
        scripts: how long the uploaded ones were.
        n_kicks: packages without a command, which only say that the client is there.
    """

    address: str
    variables: dict[str, tuple[float, ...]] = field(default_factory=dict)
    commands: list[int] = field(default_factory=list)
    targets: list[tuple[float, ...]] = field(default_factory=list)
    tcp: tuple[float, ...] | None = None
    watchdog_hz: float = 0.0
    scripts: list[int] = field(default_factory=list)
    n_kicks: int = 0

    def __post_init__(self) -> None:
        self._servers: list[socketserver.ThreadingTCPServer] = []
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_free = False
        self._inputs: dict[str, tuple[float, ...]] = {}
        self.variables |= {
            "actual_TCP_pose": (0.4, -0.1, 0.3, 3.0, 0.2, 0.0),
            "actual_q": (0.1, -1.5, 1.5, -1.6, -1.5, 0.0),
        }
        self.running(False)
        self.safety(NORMAL)

    def running(self, is_running: bool) -> None:
        """Whether the control script runs."""
        self.variables["robot_status_bits"] = (RUNNING_BITS if is_running else STOPPED_BITS,)
        self.variables["runtime_state"] = (2 if is_running else 1,)
        self.variables["output_int_register_0"] = (READY if is_running else 0,)
        self._is_free = False

    def push(self, metres: float) -> bool:
        """Push the tool along x by hand; returns whether it moved, which is only possible in free drive."""
        if self._is_free:
            x, *rest = self.variables["actual_TCP_pose"]
            self.variables["actual_TCP_pose"] = (x + metres, *rest)
        return self._is_free

    def safety(self, bits: int) -> None:
        """Set the safety status; a stop ends the program."""
        self.variables["safety_status_bits"] = (bits,)
        if bits & (PROTECTIVE_STOP | EMERGENCY_STOP):
            self.running(False)

    def __enter__(self) -> Emulator:
        talks = {DASHBOARD: self._dashboard, RTDE: self._rtde} | dict.fromkeys(SCRIPT_PORTS, self._script)
        for port, talk in talks.items():
            server = _Server((self.address, port), _handler(talk, self._sockets))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            self._servers.append(server)
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def report(self) -> dict[str, Any]:
        """Messages received."""
        names = ("commands", "targets", "tcp", "watchdog_hz", "scripts", "n_kicks")
        return {name: getattr(self, name) for name in names}

    def unplug(self) -> None:
        """Cut all connections and accept no new ones."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers.clear()
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _dashboard(self, connection: socket.socket) -> None:
        answers = {
            "PolyscopeVersion": "URSoftware 5.11.1.108318 (Nov 22 2021)",
            "get serial number": "20210000001",
            "is in remote control": "true",
            "running": "Program running: true",
        }
        connection.sendall(b"Connected: Universal Robots Dashboard Server\n")
        for line in connection.makefile("r"):
            connection.sendall(f"{answers.get(line.strip(), 'ok')}\n".encode())

    def _script(self, connection: socket.socket) -> None:
        text = ""
        while chunk := connection.recv(65536):
            text += chunk.decode()
            if text.endswith("\nend\n"):
                self.scripts.append(len(text))
                self.running(True)
                text = ""

    def _rtde(self, connection: socket.socket) -> None:
        outputs, rate_hz = Recipe([]), 125.0
        inputs: list[Recipe] = []
        for letter, payload in _packages(connection):
            if letter == b"V":
                answer = b"\1"
            elif letter == b"v":
                answer = struct.pack(">IIII", 5, 11, 1, 108318)
            elif letter == b"O":
                rate_hz, outputs = struct.unpack_from(">d", payload)[0], _recipe(payload[8:])
                answer = b"\1" + ",".join(outputs.kinds).encode()
            elif letter == b"I":
                inputs.append(_recipe(payload))
                answer = bytes([len(inputs)]) + ",".join(inputs[-1].kinds).encode()
            elif letter == b"U":
                self._command(inputs[payload[0] - 1].unpack(payload[1:]))
                continue
            else:  # start, pause
                answer = b"\1"
            _send(connection, letter, answer)
            if letter == b"S":
                threading.Thread(target=self._stream, args=(connection, outputs, rate_hz), daemon=True).start()

    def _stream(self, connection: socket.socket, outputs: Recipe, rate_hz: float) -> None:
        start = time.monotonic()
        with contextlib.suppress(OSError):
            for number in itertools.count():
                with self._lock:
                    payload = outputs.pack(self.variables | {"timestamp": (number / rate_hz,)})
                _send(connection, b"U", b"\1" + payload)
                time.sleep(max(0.0, start + number / rate_hz - time.monotonic()))

    def _command(self, registers: dict[str, tuple[float, ...]]) -> None:
        with self._lock:
            self._inputs |= registers
            number = int(self._inputs.get("input_int_register_0", (0,))[0])
            numbers = tuple(self._inputs.get(f"input_double_register_{i}", (0.0,))[0] for i in range(11))
            self.variables["output_int_register_0"] = (READY if number in CONTINUOUS | {NO_COMMAND} else DONE,)
            if number == NO_COMMAND:
                self.n_kicks += 1
            else:
                self.commands.append(number)
            if number == SERVO_L:
                self.variables["actual_TCP_pose"] = numbers[:6]
                self.targets.append(numbers[:6] + numbers[8:])
            elif number in (TEACH, END_TEACH):
                self._is_free = number == TEACH
            elif number == SET_TCP:
                self.tcp = numbers[:6]
            elif number == SET_WATCHDOG:
                self.watchdog_hz = numbers[0]
            elif number == STOP_SCRIPT:
                self.running(False)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


def _handler(
    talk: Callable[[socket.socket], None], sockets: set[socket.socket]
) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.add(self.request)
            with contextlib.suppress(OSError):
                talk(self.request)
            sockets.discard(self.request)

    return Handler


def _packages(connection: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    stream = connection.makefile("rb")
    while len(header := stream.read(3)) == 3:
        size, letter = struct.unpack(">Hc", header)
        yield letter, stream.read(size - 3)


def _send(connection: socket.socket, letter: bytes, payload: bytes) -> None:
    connection.sendall(struct.pack(">Hc", 3 + len(payload), letter) + payload)


def _recipe(payload: bytes) -> Recipe:
    return Recipe([name for name in payload.decode().split(",") if name])


if __name__ == "__main__":
    with Emulator(sys.argv[1]) as emulator:
        print("ready", flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps(getattr(emulator, request.pop("do"))(**request)), flush=True)
