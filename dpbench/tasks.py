"""Tasks as the registry knows them: strings for Gymnasium now, the TaskSpec when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

import gymnasium as gym

from dpbench.errors import MissingExtraError, PluginError, TaskError, UnknownNameError
from dpbench.plugins.names import TaskEntry as TaskEntry  # what a table of tasks holds
from dpbench.registry import registry
from dpbench.spec import TaskSpec
from dpbench.starts import SELECTION


def register_envs() -> None:
    """Register the tasks of dpbench with Gymnasium; those of plug-ins are registered when they are asked for."""
    for name in registry("task").own:
        _register(name)


def default_task(purpose: str) -> str:
    """Id of the installed task that declares itself the default for a purpose, one of ours before any other.

    Raises:
        TaskError: when there is none.
    """
    tasks = registry("task")
    found = next((name for name in tasks.own if purpose in task_entry(name).default_for), None)
    if found is None:
        found = next((name for name in tasks.names() if purpose in task_entry(name).default_for), None)
    if found is None:
        raise TaskError(f"no installed task is the default for {purpose!r}: name one with --task.")
    return find_task(found)


def find_task(name: str) -> str:
    """The Gymnasium id that a name stands for; a task of a plug-in is registered with Gymnasium by that.

    `my_package/Fold-v0`, `Fold-v0`, `Fold` and `fold` name one task; without a version it is the newest one. What
    names a task of dpbench names no other.

    Raises:
        UnknownNameError: for a name that fits no task, with the nearest known ids, or tasks of several packages.
        TaskError: when Gymnasium knows another environment under the id.
    """
    tasks = registry("task")
    found = _fitting(name, tuple(tasks.own)) or _fitting(name, tuple(tasks.others.entries))
    if found is None:
        found = tasks.entry(name).name
    _register(found)
    return found


def _fitting(name: str, known: tuple[str, ...]) -> str | None:
    """The one among these ids that a name stands for; None where there is none."""
    if name in known:
        return name
    fitting: dict[str, list[str]] = {}
    for task_id in known:
        if name.lower() in _forms(task_id):
            fitting.setdefault(_without_version(task_id), []).append(task_id)
    if len(fitting) > 1:
        ids = " or ".join(task_id for versions in fitting.values() for task_id in versions)
        raise UnknownNameError(f"{name!r} may be {ids}; write the whole id.")
    return next((max(versions, key=_version) for versions in fitting.values()), None)


def load_task(name: str) -> TaskSpec:
    """The TaskSpec of a task, by any name that `find_task` knows.

    Raises:
        UnknownNameError: with the nearest known ids.
        TaskError: when the registry names something else, or the task's starts for choosing are also reported.
        PluginError: when it belongs to a plug-in and cannot be imported.
    """
    task_id = find_task(name)
    target = task_entry(task_id).spec
    found = registry("task").imported(registry("task").entry(task_id), target)
    spec: object = found.get(task_id) if isinstance(found, Mapping) else found
    if not isinstance(spec, TaskSpec) or spec.id != task_id:
        raise TaskError(f"{target} is not the TaskSpec of {task_id}.")
    with registry("task").blamed(task_id, TaskError):
        spec.starts(SELECTION)
    return spec


def missing_extra(task_id: str) -> str | None:
    """Why a task cannot run here, in one sentence: what is not installed, or its plug-in's error; None where it can."""
    try:
        registry("task").imported(registry("task").entry(task_id), task_entry(task_id).env)
    except (MissingExtraError, PluginError) as error:
        return str(error)
    return None


def task_entry(task_id: str) -> TaskEntry:
    """The row of a task, by its id.

    Raises:
        UnknownNameError: with the nearest known ids.
    """
    target = registry("task").entry(task_id).target
    assert isinstance(target, TaskEntry)  # tables are checked when they are read
    return target


def _register(task_id: str) -> None:
    """Make `gym.make` know a task.

    Raises:
        TaskError: when a plug-in's task has the id of an environment that somebody else registered.
    """
    entry, known = task_entry(task_id), gym.registry.get(task_id)
    if known is not None and known.entry_point == entry.env:
        return
    row = registry("task").entry(task_id)
    if known is not None and not row.is_own:
        raise TaskError(
            f"task {row.title}: Gymnasium knows another environment of this id ({known.entry_point}); rename the task."
        )
    gym.register(
        id=task_id,
        entry_point=entry.env,
        vector_entry_point=entry.vector_env,
        max_episode_steps=entry.max_episode_steps,
        kwargs=dict(entry.kwargs),
    )


def _forms(task_id: str) -> set[str]:
    """An id as people write it: with or without the package and the version, in lower case."""
    whole = task_id.lower()
    short = whole.rpartition("/")[2]
    return {whole, short, _without_version(whole), _without_version(short)}


def _without_version(task_id: str) -> str:
    return re.sub(r"-v\d+$", "", task_id)


def _version(task_id: str) -> int:
    found = re.search(r"-v(\d+)$", task_id)
    return int(found[1]) if found else -1
