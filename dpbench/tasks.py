"""Tasks as the registry knows them: strings for Gymnasium now, the TaskSpec when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import gymnasium as gym

from dpbench.errors import MissingExtraError, TaskError, UnknownNameError
from dpbench.registry import registry, resolve
from dpbench.spec import TaskSpec


@dataclass(frozen=True)
class TaskEntry:
    """One row of a task table; only strings and numbers, so that registering imports no simulator.

    Attributes:
        spec: `"module:attribute"` of the TaskSpec, or of a table that has it under its id.
        env: `"module:Class"` of the Gymnasium environment.
        vector_env: `"module:Class"` of a batched environment, or None.
        max_episode_steps: control steps after which an episode is truncated.
        kwargs: arguments of the environment's constructor.
        default_for: what it is taken for where no task is named, such as `"simulated arm"`.
    """

    spec: str
    env: str
    vector_env: str | None
    max_episode_steps: int
    kwargs: Mapping[str, object] = field(default_factory=dict)
    default_for: tuple[str, ...] = ()


def register_envs() -> None:
    """Register every installed task with Gymnasium; an id that Gymnasium already has is left alone."""
    tasks = registry("task")
    for name in tasks.names():
        if name in gym.registry:
            continue
        entry: TaskEntry = tasks.entry(name).target
        gym.register(
            id=name,
            entry_point=entry.env,
            vector_entry_point=entry.vector_env,
            max_episode_steps=entry.max_episode_steps,
            kwargs=dict(entry.kwargs),
        )


def default_task(purpose: str) -> str:
    """Id of the installed task that declares itself the default for a purpose.

    Raises:
        TaskError: when there is none.
    """
    tasks = registry("task")
    found = [name for name in tasks.names() if purpose in tasks.entry(name).target.default_for]
    if not found:
        raise TaskError(f"no installed task is the default for {purpose!r}: name one with --task.")
    return found[0]


def find_task(name: str) -> str:
    """The Gymnasium id that a name stands for.

    `my_package/Fold-v0`, `Fold-v0`, `Fold` and `fold` name one task; without a version it is the newest one.

    Raises:
        UnknownNameError: for a name that fits no task, with the nearest known ids, or tasks of several packages.
    """
    tasks = registry("task")
    if name in tasks.entries:
        return name
    fitting: dict[str, list[str]] = {}
    for known in tasks.names():
        if name.lower() in _forms(known):
            fitting.setdefault(_without_version(known), []).append(known)
    if len(fitting) > 1:
        known_ids = " or ".join(known for versions in fitting.values() for known in versions)
        raise UnknownNameError(f"{name!r} may be {known_ids}; write the whole id.")
    for versions in fitting.values():
        return max(versions, key=_version)
    return tasks.entry(name).name


def load_task(name: str) -> TaskSpec:
    """The TaskSpec of a task, by any name that `find_task` knows.

    Raises:
        UnknownNameError: with the nearest known ids.
        TaskError: when the registry names something else.
    """
    task_id = find_task(name)
    entry: TaskEntry = registry("task").entry(task_id).target
    found = resolve(entry.spec)
    spec: object = found.get(task_id) if isinstance(found, Mapping) else found
    if not isinstance(spec, TaskSpec) or spec.id != task_id:
        raise TaskError(f"{entry.spec} is not the TaskSpec of {task_id}.")
    return spec


def missing_extra(task_id: str) -> str | None:
    """What a task needs that is not installed, in one sentence; None when it can run here."""
    entry: TaskEntry = registry("task").entry(task_id).target
    try:
        resolve(entry.env)
    except MissingExtraError as error:
        return str(error)
    return None


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
