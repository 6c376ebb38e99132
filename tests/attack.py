"""Damaged and hostile inputs, made of a small valid one by a seeded generator, and what may become of them."""

from __future__ import annotations

import copy
import json
import os
import random
import re
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dpbench.data.importing import Archive, converted
from dpbench.data.plausible import check_arrays
from dpbench.data.public import public_demonstrations
from dpbench.errors import DpbenchError
from dpbench.spec import TaskSpec

DEEP = 100_000
RAW = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "[" * DEEP + "]" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP, "[" * 90 + "]" * 90, "[" * 500 + "]" * 500, '"\\ud800"', "01", "tru", "",
)  # fmt: skip
"""Written into the file as they stand: what `json.dumps` cannot make, or makes only by chance."""
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 2**31, 2**62, 2**70, 10**30, 0.5, 1.5, -0.5, 1e300, 5e-324, "", "x", "x" * 100_000,
    "<f8", ">i4", "|O", "<c8", "F", "..", "../victim", "/etc/passwd", "a/b", "a\\b", "c:x", "a\0b", "\x1b[31mred",
    "\u202eabc", "a\nb", "[/]", "| a |", "<script>", "=1+1", [], [0], [3], [-1], [8, 1], [2**40], [2**20, 2**20],
    [1] * 9, [[1]], [None], ["x"], {}, {"x": 1}, {"id": "pickle"}, {"id": "zlib"}, {"id": "blosc"},
    [{"id": "pickle"}], [{"id": "delta"}],
)  # fmt: skip
MEMORY_BYTES = 400_000_000
MARK = "@raw@"


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
        """A field of the object with another value, left out, or nested deeply."""
        value, rng = json.loads(content), self.rng
        if not isinstance(value, dict) or not value:
            return rng.choice((b"", b"[]", b"null", b"[" * DEEP, b"\xff"))
        name = rng.choice(sorted(value))
        if rng.random() < 0.1:
            del value[name]
        elif isinstance(value[name], list) and value[name] and rng.random() < 0.4:
            value[name][rng.randrange(len(value[name]))] = rng.choice(HOSTILE)
        else:
            value[name] = rng.choice(HOSTILE)
        return json.dumps(value).encode()

    def json_anywhere(self, value: Any) -> bytes:
        """The same at any depth; also text that is not JSON, a key twice, a key more, and lists that grow or shrink."""
        value, rng = copy.deepcopy(value), self.rng
        if rng.random() < 0.02:
            return rng.choice((b"", b"[]", b"null", b"5", b'"x"', b"[" * DEEP, b"\xff", b"\xef\xbb\xbf{}", b"{}{}"))
        parent, key = rng.choice(list(_places(value)))
        kind, raw = rng.random(), ""
        if kind < 0.15:
            del parent[key]
        elif kind < 0.25 and isinstance(parent, dict):
            parent[rng.choice(("weather", "", "..", "\x1b[0m", "a\nb", "[/]"))] = rng.choice(HOSTILE)
        elif kind < 0.32 and isinstance(parent, list):
            parent.insert(key, parent[key])
        elif kind < 0.4 and isinstance(parent, dict):
            parent[MARK + "key"] = parent[key]
            return json.dumps(value).replace(json.dumps(MARK + "key"), json.dumps(key)).encode()
        elif kind < 0.55:
            raw, parent[key] = rng.choice(RAW), MARK
        elif kind < 0.65 and isinstance(parent[key], int | float):
            parent[key] = rng.choice((-parent[key], parent[key] + 1, parent[key] * 1000, float(parent[key]) + 0.25))
        else:
            parent[key] = rng.choice(HOSTILE)
        return json.dumps(value).replace(json.dumps(MARK), raw).encode()

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
            assert message.isprintable(), ascii(message)
            assert len(message) < 1000 + len(str(source)), message
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

    def special_files(self, path: Path, read: Callable[[], object], others: Path) -> None:
        """Put what is no file of its own at `path`; each must be refused in one line, and at once.

        Args:
            path: of the file that is read; it is put back.
            read: reads it.
            others: a file outside of the folder that a link may lead to.
        """
        kept = path.read_bytes()
        for make in (
            lambda: path.write_bytes(b""),
            lambda: path.symlink_to(others),
            lambda: path.symlink_to(path.parent / "nowhere"),
            lambda: path.symlink_to(path),
            lambda: path.symlink_to("/dev/zero"),
            lambda: os.mkfifo(path),
            path.mkdir,
        ):
            path.unlink()
            make()
            assert self.outcome(path, read) == "refused"
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            path.write_bytes(kept)


HOSTILE_TEXTS = (
    "[red]x[/red]", "[/]", "[link=javascript:x]", "\x1b[31mred\x1b[0m\x07", "\x9b31m", "a\r\nb", "| a | b |", "`code`",
    "<script>alert(1)</script>", "<!-- /table -->", "-->", "[x](javascript:alert(1))", "![x](http://a.b/c.png)",
    "[x][y]", "[x]: http://a.b", "**yy**", "_x_", "~~x~~", "# x", "&lt;b&gt;", "https://a.b/c", "www.a.b", "$x_{$",
    "$\\frac{$", "\\", "x\\", "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "../../../../tmp/x", "/etc/passwd", "..",
    "a\0b", "C:\\x", "\u202eabc", "\u2066abc", "\u200bx", "\ufeffx", "\u2028x", "x" * 150, "ä日本",
    "\U0001f600", "\ud800",
)  # fmt: skip
"""One a kind of harm, and words of other scripts, which are none."""


def plain(text: str) -> bool:
    """Whether a text prints as it stands, on lines of its own."""
    return all(line.isprintable() for line in text.split("\n"))


def markup_in(page: str) -> list[str]:
    """What a renderer would take for HTML, links, pictures or bold type that the page itself does not have."""
    text = re.sub(r"(?<!\\)`[^`]*`", "", page)  # code is shown as it is
    return re.findall(r"<|(?<!\\)\](?=\((?:javascript|https?):|\[y|: http)|https?://a\.b|www\.a\.b|(?<!\\)\*\*yy", text)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield value, key
        yield from _places(part)


def import_demonstrations(read: Callable[[Path], Archive], path: Path, task: TaskSpec) -> None:
    """All that an import does, but for the writing."""

    def convert(arrays: Any, about: Any) -> Any:
        demonstrations = public_demonstrations(task)
        assert demonstrations is not None
        made = demonstrations.to_store(arrays, about, task)
        check_arrays(made, task, str(path))
        return made

    archive = read(path)
    for _ in converted(archive, np.arange(len(archive.episode_ends)), convert, path):
        pass
