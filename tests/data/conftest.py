"""Damaged and hostile inputs, made of a small valid one by a seeded generator, and what may become of them."""

from __future__ import annotations

import json
import random
import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dpbench.errors import DpbenchError

HOSTILE: tuple[Any, ...] = (
    None, True, 0, 1, -1, 3, 2**31, 2**62, 2**70, 1.5, 1e300, float("nan"), "", "x", "<f8", ">i4", "|O", "<c8", "F",
    "..", "/etc", [], [0], [3], [-1], [8, 1], [2**40], [2**20, 2**20], [1] * 9, [[1]], {}, {"id": "pickle"},
    {"id": "zlib"}, {"id": "blosc"}, [{"id": "pickle"}], [{"id": "delta"}],
)  # fmt: skip
MEMORY_BYTES = 400_000_000


@dataclass
class Attack:
    """Makes inputs, and counts their outcomes."""

    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    memory: int = field(default_factory=lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    def bytes_of(self, content: bytes) -> bytes:
        """Some bytes changed, cut off, left out or repeated."""
        changed, rng = bytearray(content), self.rng
        for _ in range(rng.choice((1, 1, 2, 8))):
            at, kind = rng.randrange(len(changed) + 1), rng.randrange(6)
            if kind == 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            elif kind == 1:
                changed[at : at + 1] = bytes(byte ^ 1 << rng.randrange(8) for byte in changed[at : at + 1])
            elif kind == 2:
                changed[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f"))
            elif kind == 3:
                changed[at : at + 8] = b""
            elif kind == 4:
                changed[at:at] = changed[at : at + 8]
            elif rng.random() < 0.3:
                del changed[at:]
        return bytes(changed)

    def json_of(self, content: bytes) -> bytes:
        """A field with another value, left out, or nested deeply."""
        value, rng = json.loads(content), self.rng
        if not isinstance(value, dict) or not value:
            return rng.choice((b"", b"[]", b"null", b"[" * 100_000, b"\xff"))
        name = rng.choice(sorted(value))
        if rng.random() < 0.1:
            del value[name]
        elif isinstance(value[name], list) and value[name] and rng.random() < 0.4:
            value[name][rng.randrange(len(value[name]))] = rng.choice(HOSTILE)
        else:
            value[name] = rng.choice(HOSTILE)
        return json.dumps(value).encode()

    def of(self, name: str, content: bytes) -> bytes:
        """A change that fits the kind of file."""
        last = name.rsplit("/", 1)[-1]
        return self.json_of(content) if last.startswith(".z") and self.rng.random() < 0.8 else self.bytes_of(content)

    def outcome(self, source: Path, read: Callable[[], object]) -> str:
        """`taken`, or `refused` by one line that names the file and what to do; no other exception passes."""
        try:
            read()
        except DpbenchError as error:
            message = str(error)
            assert "\n" not in message, message
            assert source.name in message, message
            assert ";" in message, message
            assert message.endswith("."), message
            self.counts["refused"] += 1
            return "refused"
        self.counts["taken"] += 1
        return "taken"

    def report(self, reader: str) -> None:
        """Print the counts; at least 1,000 inputs, some of each outcome, and little memory."""
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.memory)
        print(f"{reader}: {self.counts.total()} inputs, {dict(self.counts)}, {grown / 1e6:.0f} MB")
        assert self.counts.total() >= 1000
        assert self.counts["refused"] > 100
        assert self.counts["taken"] > 0
        assert grown < MEMORY_BYTES


@pytest.fixture
def attack() -> Attack:
    return Attack(random.Random(0))
