"""A task has one id, and people may write it shorter."""

from __future__ import annotations

import pytest

from dpbench import tasks
from dpbench.errors import UnknownNameError
from dpbench.registry import Entry, Registry, registry
from dpbench.tasks import find_task, load_task, missing_extra


@pytest.mark.parametrize("task_id", registry("task").names())
def test_every_form_of_an_id_names_its_task(task_id: str) -> None:
    package, _, short = task_id.rpartition("/")
    bare = short.rpartition("-v")[0]
    for name in (task_id, short, short.lower()):
        assert find_task(name) == task_id
    newest = max(name for name in registry("task").names() if name.startswith(f"{package}/{bare}-v"))
    for name in (bare, bare.lower(), f"{package}/{bare}"):
        assert find_task(name) == newest
    assert load_task(bare).id == newest


@pytest.mark.parametrize(
    ("name", "near"), [("psuht", "dpbench/PushT-v0"), ("dpbench/Lfit-v0", "dpbench/Lift-v0"), ("Avoid-v9", "Avoid-v0")]
)
def test_a_wrong_name_gets_a_suggestion(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown task '{name}'; did you mean .*{near}"):
        load_task(name)


def installed(*names: str) -> Registry:
    return Registry("task", {name: Entry(name, None, name.partition("/")[0]) for name in names})


def test_without_a_version_the_newest_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    known = installed("dpbench/Lift-v2", "dpbench/Lift-v10", "dpbench/LiftAbs-v11", "mine/Fold")
    monkeypatch.setattr(tasks, "registry", lambda _: known)
    assert find_task("lift") == "dpbench/Lift-v10"
    assert find_task("Lift-v2") == "dpbench/Lift-v2"
    assert find_task("fold") == "mine/Fold"
    with pytest.raises(UnknownNameError, match="unknown task ''"):
        find_task("")


def test_a_name_of_two_packages_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "registry", lambda _: installed("dpbench/Lift-v0", "mine/Lift-v0"))
    with pytest.raises(UnknownNameError, match="'lift' may be dpbench/Lift-v0 or mine/Lift-v0; write the whole id"):
        find_task("lift")
    assert find_task("mine/lift") == "mine/Lift-v0"


def test_a_task_that_can_run_here_misses_nothing() -> None:
    assert missing_extra("dpbench/PushT-v0") is None
