"""Objects and errors of others are told in one line, whatever their classes do."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from dpbench.errors import shown
from dpbench.files.writing import new_file, new_folder, temporary_name, write_bytes
from dpbench.plugins.failures import failure_of, message_of, plain, safely_shown

RAISED = (ZeroDivisionError, SystemExit, GeneratorExit, RecursionError, MemoryError, StopIteration)


def raising(kind: type[BaseException]) -> object:
    """A method that raises."""

    def method(*_: object) -> object:
        raise kind("no")

    return method


@pytest.mark.parametrize(
    ("base", "kind", "name"), list(itertools.product((object, list, dict, str), RAISED, ("list", "a\n\x1b[31m")))
)
def test_a_value_is_shown_whatever_its_methods_raise(base: type, kind: type[BaseException], name: str) -> None:
    methods = dict.fromkeys(("__repr__", "__str__", "__len__", "__iter__", "__getitem__"), raising(kind))
    value = type(name, (base,), methods)()
    for text in (safely_shown(value), shown(value)):
        assert text
        assert len(text) < 100
    assert safely_shown(value).isprintable()


@pytest.mark.parametrize(("kind", "name"), list(itertools.product(RAISED, ("E", "E\n\x1b[31m"))))
def test_an_error_is_told_whatever_its_class_does(kind: type[BaseException], name: str) -> None:
    error = type(name, (Exception,), {"__str__": raising(kind)})("x")
    assert failure_of(error).isprintable()
    assert message_of(error) == "its message cannot be read"


def test_a_text_of_a_class_of_its_own_loses_its_methods() -> None:
    sly = type("Sly", (str,), {"__eq__": raising(SystemExit), "__hash__": raising(SystemExit)})("name")
    assert type(plain(sly)) is str
    assert plain(sly) == "name"
    assert plain(3) == 3


def test_a_planted_link_at_a_temporary_name_leads_nowhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("kept")
    for name, target in (("a", victim / "kept"), ("b", victim), ("c", victim)):
        temporary_name(tmp_path / name).symlink_to(target)
    write_bytes(tmp_path / "a", b"new")
    with new_file(tmp_path / "b") as path:
        path.write_bytes(b"new")
    with new_folder(tmp_path / "c") as folder:
        folder.mkdir()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"new"
    assert [(each.name, each.read_text()) for each in victim.iterdir()] == [("kept", "kept")]
    assert not any(each.is_symlink() for each in tmp_path.iterdir())
