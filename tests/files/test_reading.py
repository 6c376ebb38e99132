"""Reading without trust: strict JSON, regular files of bounded size, names inside a folder, one line for the rest."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from dpbench.errors import DataError
from dpbench.files.reading import Kind, is_plain_name, parse_json, read_bytes, read_json, read_text, read_toml

KIND = Kind(DataError, "write it again", limit_bytes=1000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"[]", r"holds \[\], expected a JSON object"),
        (b"null", "holds null"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1e400}', "1e400 is beyond the range"),
        (b'{"a": 1, "b": 2, "a": 3}', 'the key "a" stands twice'),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b'{"a": 9223372036854775808}', "does not fit into 64 bits"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested more than 64 levels"),
        (b'{"a":' * 100_000, "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON|64 bits"),
        (b'{"a": "\xff"}', "is not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "is not JSON"),
        (b'{"a": "\x1b"}', "is not JSON"),
    ],
)
def test_json_is_strict(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=rf"a\.json: .*(?:{reason}).*; write it again\.$") as caught:
        parse_json(content, Path("a.json"), KIND)
    assert str(caught.value).isprintable()


def test_json_that_we_write_is_taken() -> None:
    text = '{"a": [1, -0.5, 1e-300, true, null, "\\ud83d\\ude00 \\u00e9 \\u0000"], "b": {"a": {}}}'
    assert parse_json(text.encode(), Path("a.json"), KIND)["a"][5] == "\U0001f600 é \0"


def test_what_is_no_file_is_named_at_once(tmp_path: Path, attack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "inside/a.json", tmp_path / "other"
    path.parent.mkdir()
    for one in (path, other):
        one.write_text('{"a": 1}')
    attack.special_files(path, lambda: read_json(path, KIND, inside=path.parent), other)
    for wrong, reason in (
        (path.parent / "no", "No such file"),
        (Path("a\0b"), "null"),
        (path / "b", "Not a directory"),
    ):
        with pytest.raises(DataError, match=rf"cannot be read \(.*{reason}.*\); write it again\.$"):
            read_bytes(wrong, KIND)
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match="has 1,099,511,627,776 bytes, expected at most 1,000"):
        read_bytes(path, KIND)

    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("dpbench.files.reading.os.open", denied)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\); write it again"):
        read_bytes(other, KIND)


@pytest.mark.parametrize("name", ["a", "weights-1.safetensors", "model (1).npz", "é", ".a", "a..b", "x" * 255])
def test_plain_names(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "../a", "a\\b", "c:a", "a\0", "a\nb", "\u202ea", "x" * 256, None, 5, b"a"]
)
def test_names_that_could_mean_another_place(name: object) -> None:
    assert not is_plain_name(name)


def test_toml_and_text_are_checked_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    for text, reason in (("a = nan", "is no number"), ("a = 1979-05-27", "is a date or time"), ("a", "not valid TOML")):
        path.write_text(text)
        with pytest.raises(DataError, match=rf"a\.toml: .*{reason}.*; write it again\.$"):
            read_toml(path, KIND)
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="is not text in UTF-8"):
        read_text(path, KIND)
