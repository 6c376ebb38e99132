"""Every kind of argument: what it reads, and that it refuses all else in one short sentence."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpbench.cli import kinds
from dpbench.cli.delay import latencies
from dpbench.cli.parser import MAX_LINE, one_line

NUMBERS: dict[str, tuple[Callable[[str], object], float, float]] = {
    "count": (kinds.count, 1, kinds.MANY),
    "count_or_none": (kinds.count_or_none, 0, kinds.MANY),
    "n_processes": (kinds.n_processes, 1, kinds.MAX_PROCESSES),
    "seed": (kinds.seed, 0, 2**63 - 1),
    "seconds": (kinds.seconds, 0, kinds.MAX_DURATION_S),
    "decay": (kinds.number(0, 1), 0, 1),
}
TEXTS = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.from_regex(r"[-+0-9eE._, ]{0,12}", fullmatch=True),
)


def outcome(read: Callable[[str], object], text: str) -> object:
    """What is read, or the sentence that refuses it."""
    try:
        return read(text)
    except argparse.ArgumentTypeError as error:
        return str(error)


@pytest.mark.parametrize("name", NUMBERS)
@settings(max_examples=300, derandomize=True, deadline=None)
@given(text=TEXTS)
def test_a_number_is_inside_its_bounds_or_refused(name: str, text: str) -> None:
    read, low, high = NUMBERS[name]
    value = outcome(read, text)
    if isinstance(value, str):
        assert "expected a" in value
        return
    assert isinstance(value, int | float)
    assert low <= value <= high
    assert value == float(text)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(text=TEXTS)
def test_lists_of_numbers_are_read_or_refused(text: str) -> None:
    for read in (kinds.seeds, latencies):
        values = outcome(read, text)
        if isinstance(values, str):
            assert "expected whole numbers" in values or "may be there once" in values
        else:
            assert isinstance(values, tuple)
            assert values
            assert all(0 <= value < math.inf for value in values)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (kinds.seeds, "0, 1,2", (0, 1, 2)),
        (kinds.names, " a ,b", ("a", "b")),
        (kinds.seconds, "0.5", 0.5),
        (kinds.seed, "9223372036854775807", 2**63 - 1),
        (latencies, "0-3,6", (0, 1, 2, 3, 6)),
        (kinds.key_value, "a=b=c", "a=b=c"),
        (kinds.device, "cpu", "cpu"),
    ],
)
def test_a_right_value_is_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


def test_places_to_write_to_are_tried_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    links = {"loop": "loop", "nowhere": "away", "nowhere.mp4": "away.mp4"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    video = kinds.new_file(".mp4", ".gif")
    assert video(str(tmp_path / "new/folder/a.MP4")) == tmp_path / "new/folder/a.MP4"
    assert kinds.new_folder(str(tmp_path / "new")) == tmp_path / "new"
    for read, text in (
        (video, "a.avi"),
        (video, "mp4"),
        (video, f"{tmp_path}/"),
        (video, str(tmp_path / "file/a.mp4")),
        (video, "/dev/null"),
        (kinds.new_folder, str(tmp_path / "file")),
        (kinds.new_folder, str(tmp_path / "file/x")),
        (kinds.folder, str(tmp_path / "file")),
        *((read, str(tmp_path / link)) for read in (kinds.new_path, kinds.new_folder) for link in ("loop", "nowhere")),
        (video, str(tmp_path / "nowhere.mp4")),
        (kinds.new_path, "/"),
        (kinds.new_folder, "/"),
        (kinds.path, "x" * 10_000),
        (kinds.path, "a\0b"),
        (kinds.path, " "),
    ):
        with pytest.raises(argparse.ArgumentTypeError):
            read(text)
    assert {path.name for path in tmp_path.iterdir()} == {"file", *links}


@settings(max_examples=300, derandomize=True, deadline=None)
@given(text=st.text(max_size=3_000))
def test_a_message_is_one_short_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert "\n" not in line
    assert len(line) < 11 * MAX_LINE  # an escaped letter takes up to ten
