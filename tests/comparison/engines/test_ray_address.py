"""Addresses at which there is no Ray cluster: one clear line within seconds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dpbench.cli import main
from dpbench.comparison.engines.ray_address import check_answer

Refusal = Callable[[Callable[[], object]], str]


def test_a_port_that_nobody_listens_on(refusal: Refusal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        assert f"--address {address}: no Ray cluster answers" in refusal(lambda: check_answer(address))
    assert time.monotonic() < began + 10


@pytest.mark.parametrize("says", [b"HTTP/1.0 400 Bad Request\r\n", None], ids=["a web server", "silence"])
def test_something_else_that_listens(refusal: Refusal, says: bytes | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):  # the other side may end first
                if says is not None:
                    connection.sendall(says)
                connection.settimeout(20)
                while connection.recv(100):  # until the other side has had enough
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        line = refusal(lambda: check_answer(address))
        thread.join(20)
    assert ("is no Ray cluster" if says else "no Ray cluster answers") in line


@pytest.mark.parametrize("address", ["cluster", ":6379", "host:0", "host:65536", "ray://host:1", "a b:1", "", "host:x"])
def test_what_is_no_address(refusal: Refusal, address: str) -> None:
    assert "expected HOST:PORT" in refusal(lambda: check_answer(address))


def test_the_command_ends_with_that_line_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray")
    suite = tmp_path / "one.toml"
    suite.write_text('[[policies]]\nnames = ["hold"]\ntasks = ["Avoid-v0"]\n')
    line = f"compare --suite {suite} --store {tmp_path}/store --records {tmp_path}/records --engine ray"
    assert main([*line.split(), "--address", "127.0.0.1:1"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "127.0.0.1:1: no Ray cluster answers" in said.err
    assert not list((tmp_path / "records").glob("*")) if (tmp_path / "records").exists() else True
