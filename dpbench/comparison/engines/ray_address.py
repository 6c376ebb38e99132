"""Whether something that may be a Ray cluster answers at an address; Ray itself would try for over a minute."""

from __future__ import annotations

import socket

from dpbench.errors import ConfigError, DpbenchError, shown

ANSWER_S = 3.0
"""Time for an answer, s."""
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""What opens a connection of gRPC, which Ray speaks: the preface of HTTP/2 and empty settings (RFC 9113, 3.4)."""
SETTINGS = 4
"""Type of the frame with which every server of HTTP/2 answers (RFC 9113, 6.5)."""


def checked_address(address: str) -> str:
    """The same address.

    Raises:
        ConfigError: when it is not HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    is_host = bool(host) and host.isascii() and host.isprintable() and not set(host) & set("/ @")
    if not (is_host and port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ConfigError(f"{shown(address)}: expected HOST:PORT of a Ray cluster, such as 10.0.0.5:6379, or auto.")
    return address


def check_answer(address: str) -> None:
    """Raise unless a cluster may be at an address.

    Raises:
        ConfigError: when it is not HOST:PORT.
        DpbenchError: when nothing answers within seconds, or something that is no Ray cluster.
    """
    host, _, port = checked_address(address).rpartition(":")
    try:
        answer = _answer(host.strip("[]"), int(port))
    except (OSError, UnicodeError) as error:  # the latter for a name that is too long
        reason = getattr(error, "strerror", None) or str(error)
        raise DpbenchError(
            f"--address {address}: no Ray cluster answers there ({reason}); expected the HOST:PORT that "
            "`ray start --head` printed."
        ) from error
    if len(answer) < 4 or answer[3] != SETTINGS:
        raise DpbenchError(
            f"--address {address}: what answers there is no Ray cluster; its port is 6379 unless `ray start` was told "
            "another."
        )


def _answer(host: str, port: int) -> bytes:
    """The first bytes that a server of HTTP/2 sends."""
    with socket.create_connection((host, port), timeout=ANSWER_S) as connection:
        connection.sendall(HELLO)
        return connection.recv(9)
