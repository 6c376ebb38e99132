"""A task has one id, and people may write it shorter."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import pytest

from dpbench import tasks
from dpbench.errors import ConfigError, UnknownNameError
from dpbench.plugins.names import TaskEntry
from dpbench.registry import Entry, Others, Registry, registry
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


ONE_OF_EACH = ("PushT-v0", "Avoid-v0", "BlockPush-v0", "Lift-v0", "RealArm-v0")


@pytest.mark.filterwarnings("ignore:.*is not in the possible render_modes")
@pytest.mark.parametrize("task", ONE_OF_EACH)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"render_mode": "foo"}, "render_mode = 'foo': expected .*rgb_array"),
        ({"render_size": 0}, "render_size = 0: expected a whole number from 1"),
        ({"render_size": -3}, "render_size = -3: expected"),
        ({"render_size": 1.5}, r"render_size = 1\.5: expected"),
        ({"render_size": "x"}, "render_size = 'x': expected"),
        ({"render_size": 10**9}, "render_size = 1000000000: expected"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
        ({"max_episode_steps": 0}, "max_episode_steps. to be positive"),
    ],
)
def test_an_environment_is_not_made_with_arguments_that_cannot_work(
    task: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises((ConfigError, TypeError, ValueError), match=message):
        gym.make(f"dpbench/{task}", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"num_envs": 0}, {"num_envs": 1.5}, {"num_envs": 2, "render_size": 0}])
def test_a_batch_is_not_made_with_arguments_that_cannot_work(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"= .*: expected a whole number from 1"):
        gym.make_vec("dpbench/PushT-v0", vectorization_mode="vector_entry_point", **arguments)  # type: ignore[arg-type]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the registry; names of `dpbench/` are ours, others those of plug-ins."""

    def install(*names: str) -> None:
        rows = {name: Entry(name, TaskEntry("x:y", "x:y", None, 1), name.partition("/")[0]) for name in names}
        found = Registry("task", {name: row for name, row in rows.items() if row.is_own})
        theirs = {name: row for name, row in rows.items() if not row.is_own}
        vars(found)["others"] = Others(theirs, {}, ())  # where the cached property is kept
        monkeypatch.setattr(tasks, "registry", lambda _: found)
        monkeypatch.setattr(gym.envs.registration, "registry", {})

    return install


def test_without_a_version_the_newest_is_meant(installed: Callable[..., None]) -> None:
    installed("dpbench/Lift-v2", "dpbench/Lift-v10", "dpbench/LiftAbs-v11", "mine/Fold")
    assert find_task("lift") == "dpbench/Lift-v10"
    assert find_task("Lift-v2") == "dpbench/Lift-v2"
    assert find_task("fold") == "mine/Fold"
    with pytest.raises(UnknownNameError, match="unknown task ''"):
        find_task("")


def test_a_name_of_two_plug_ins_is_not_guessed_and_ours_is_meant_first(installed: Callable[..., None]) -> None:
    installed("yours/Fold-v0", "mine/Fold-v0", "dpbench/Lift-v0", "mine/Lift-v0")
    with pytest.raises(UnknownNameError, match="'fold' may be yours/Fold-v0 or mine/Fold-v0; write the whole id"):
        find_task("fold")
    assert find_task("mine/fold") == "mine/Fold-v0"
    assert find_task("lift") == "dpbench/Lift-v0"
    assert find_task("mine/lift") == "mine/Lift-v0"


def test_a_task_that_can_run_here_misses_nothing() -> None:
    assert missing_extra("dpbench/PushT-v0") is None
