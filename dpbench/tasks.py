"""Tasks as the registry knows them: strings for Gymnasium now, the TaskSpec when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import gymnasium as gym

from dpbench.errors import TaskError
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


def load_task(name: str) -> TaskSpec:
    """The TaskSpec of a Gymnasium id.

    Raises:
        UnknownNameError: with the nearest known ids.
        TaskError: when the registry names something else.
    """
    entry: TaskEntry = registry("task").entry(name).target
    found: object = resolve(entry.spec)
    spec: object = found.get(name) if isinstance(found, Mapping) else found
    if not isinstance(spec, TaskSpec) or spec.id != name:
        raise TaskError(f"{entry.spec} is not the TaskSpec of {name}.")
    return spec
